"""`verify MODEL`: one version of one model against its original, in every runtime, on every probe and random rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export.artifact.manifest import Manifest, read_manifest
from train.config import DEFAULT_CONFIG, load_config
from train.core import cli
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from train.volatility_predictor.probe_windows import random_windows, window_probes
from verify.check.golden import confirm_original, golden_rows, replay
from verify.check.promote import version_to_check
from verify.comparison.causes import Cause, name_causes
from verify.comparison.parity import Decide, ParityResult, Tolerance, above
from verify.comparison.stream import Tally, compare_stream
from verify.proof.near_ties import NEAR_A_TIE, tie_rows
from verify.proof.probes import CHUNK_ROWS, spans_of, tree_probes
from verify.proof.split_evidence import SplitProof
from verify.runtimes.onnxruntime_session import tensor_shape
from verify.runtimes.open import Runtime, open_runtimes
from verify.runtimes.original import Original, load_original

Floats = npt.NDArray[np.float64]

SIGNAL_ROWS, WINDOW_ROWS = 200_000, 3_000
FIXED_THRESHOLDS = (0.5, 0.8)
BATCH_SIZES = (1, 2, 1000)
BATCH_ROWS = {"python": 1000, "rust": 4}
"""Rows asked again in other batch sizes; the Rust binary is a process a batch."""
RANDOM = "random rows"


@dataclass
class Checked:
    """All that was found about one version.

    Attributes:
        folder: of the version.
        manifest: its manifest.
        families: name of a family of rows -> what was compared; the golden replay comes first.
        proof: what the probes show about the splits of the original's trees.
        refusals: what a runtime's own check said against the version.
        causes: why the first mismatched rows differ.
        original: where the original is; "" when it is missing, and golden replay was all that could be done.
    """

    folder: Path
    manifest: Manifest
    families: dict[str, Tally] = field(default_factory=dict)
    proof: SplitProof = field(default_factory=SplitProof)
    refusals: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    original: str = ""

    @property
    def tolerance(self) -> Tolerance:
        """What the manifest asks for."""
        return Tolerance(self.manifest.parity.absolute, self.manifest.parity.relative)

    @property
    def differs(self) -> bool:
        """Whether anything at all was out of parity."""
        results = [result for tally in self.families.values() for result in tally.results.values()]
        return bool(self.refusals) or any(result.rows and not result.in_parity for result in results)

    @property
    def proven(self) -> bool:
        """Whether the original was asked, and nothing differed in any runtime."""
        totals = self.totals()
        return bool(self.original and totals) and not self.differs and all(r.in_parity for r in totals.values())

    def totals(self) -> dict[str, ParityResult]:
        """Runtime name -> everything compared with the original in this run, added up."""
        total = Tally()
        for tally in self.families.values():
            total.add(tally)
        return total.results


def check_model(
    model: str, *, artifacts: Path, source: Path, runtimes: tuple[str, ...], rows: int | None = None, seed: int = 0
) -> Checked:
    """Check the candidate, or else the current version, of a model.

    Args:
        model: its name.
        artifacts: the folder of all artifacts.
        source: the folder where training left the originals.
        runtimes: of "python", "rust".
        rows: random rows; by default 200,000 signals or 3,000 windows.
        seed: of every random choice.

    Raises:
        PipelineError: the version, the original or a runtime cannot be used; nothing is concluded then.
    """
    folder = version_to_check(artifacts / model)
    checked = Checked(folder, read_manifest(folder))
    opened = open_runtimes(runtimes, folder, checked.manifest)
    base, expected = golden_rows(folder, checked.manifest)
    checked.families["golden replay"] = Tally(
        {runtime.name: replay(runtime, base, expected, checked.tolerance) for runtime in opened}
    )
    checked.refusals = [f"{r.name}: {said}" for r in opened if (said := r.replay_golden())]
    original = load_original(checked.manifest, source / model)
    if original is None:
        return checked
    confirm_original(original, base, expected, checked.tolerance)
    checked.original = original.name
    if model == SIGNAL_CLASSIFIER:
        _check_signals(checked, original, opened, base, rows=SIGNAL_ROWS if rows is None else rows, seed=seed)
    else:
        _check_windows(checked, original, opened, base, rows=WINDOW_ROWS if rows is None else rows, seed=seed)
    _find_causes(checked, original)
    return checked


def trade_thresholds() -> tuple[float, ...]:
    """The configured threshold and the two fixed ones."""
    configured = load_config(DEFAULT_CONFIG).trade_threshold if DEFAULT_CONFIG.is_file() else 0.7
    return tuple(dict.fromkeys((configured, *FIXED_THRESHOLDS)))


def decision_rules() -> dict[str, Decide]:
    """TRADE or AVOID at each threshold."""
    return {f"TRADE above {threshold:g}": above(threshold) for threshold in trade_thresholds()}


def _check_signals(
    checked: Checked, original: Original, runtimes: list[Runtime], base: Floats, *, rows: int, seed: int
) -> None:
    columns = checked.manifest.inputs[0].columns
    with cli.console.status("signal_classifier: looking for a row at every split"):
        probes = tree_probes(
            original.groups,
            base,
            spans_of(columns, base),
            judge=original.judge(checked.tolerance),
            takes_missing=original.takes_missing(base),
            seed=seed,
        )
        near = tie_rows(original.answer, probes.source, marks=trade_thresholds(), seed=seed)
    checked.proof = probes.proof
    families = probes.families | {NEAR_A_TIE: near}
    _run(checked, original, runtimes, families, probes.source.chunks(rows, seed=seed), rows, decision_rules())


def _check_windows(
    checked: Checked, original: Original, runtimes: list[Runtime], base: Floats, *, rows: int, seed: int
) -> None:
    windows = base.reshape(len(base), *tensor_shape(checked.manifest.inputs[0]))
    families = {name: w.reshape(len(w), -1) for name, w in window_probes(checked.manifest, windows).items()}
    least = int(checked.manifest.settings.get("minimum_days", 10))
    more = (w.reshape(len(w), -1) for w in random_windows(windows, least, rows, seed=seed))
    _run(checked, original, runtimes, families, more, rows, {})


def _run(
    checked: Checked,
    original: Original,
    runtimes: list[Runtime],
    families: dict[str, Floats],
    more: Iterator[Floats],
    rows: int,
    decisions: dict[str, Decide],
) -> None:
    """Every family, then other batch sizes, then the random rows, under one progress bar."""
    total = rows + sum(len(family) for family in families.values())
    with _progress() as progress:
        task = progress.add_task(checked.manifest.model, total=total)

        def compared(chunks: Iterator[Floats], using: list[Runtime]) -> Tally:
            return compare_stream(
                chunks,
                original.answer,
                using,
                tolerance=checked.tolerance,
                decisions=decisions,
                on_rows=lambda n: progress.advance(task, n),
            )

        for name, family in families.items():
            checked.families[name] = compared(in_chunks(family), runtimes)
        some = np.concatenate(list(families.values()))
        for size in BATCH_SIZES:
            tally = Tally()
            for runtime in runtimes:
                most = BATCH_ROWS.get(runtime.name, max(BATCH_SIZES))
                if size <= most:
                    picked = some[:: max(1, len(some) // most)][:most]
                    tally.add(compared(iter([picked]), [Batched(runtime, size)]))
                    progress.advance(task, -len(picked))
            checked.families[f"batches of {size}"] = tally
        checked.families[RANDOM] = compared(more, runtimes)


@dataclass(frozen=True)
class Batched:
    """A runtime that is asked `size` rows at a time."""

    runtime: Runtime
    size: int

    @property
    def name(self) -> str:
        """The runtime's own."""
        return self.runtime.name

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`."""
        parts = [self.runtime(rows[start : start + self.size]) for start in range(0, len(rows), self.size)]
        return np.concatenate(parts)

    def replay_golden(self) -> str:
        """See `Runtime`."""
        return self.runtime.replay_golden()


def in_chunks(rows: Floats) -> Iterator[Floats]:
    """Views of at most `CHUNK_ROWS` rows."""
    return (rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS))


def _find_causes(checked: Checked, original: Original) -> None:
    first = [row for tally in checked.families.values() for result in tally.results.values() for row in result.first]
    quoted = [row for row in first if row.inputs and len(row.expected) == len(row.found)]
    if quoted and original.estimator is not None:
        checked.causes = name_causes(
            np.array([row.inputs for row in quoted]),
            np.array([row.expected for row in quoted]),
            np.array([row.found for row in quoted]),
            groups=original.groups,
        )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=cli.console,
        transient=True,
    )
