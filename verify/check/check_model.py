"""`verify MODEL` or `verify DIR`: one version against its original, in every runtime, on probes and random rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export.artifact.manifest import Manifest, read_manifest
from export.sklearn.graded.sample_rows import closed_columns
from export.versions.promotion import Promotion
from train.config import default_config
from train.core import cli
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes
from train.model import Model
from train.registry import models
from verify.check.golden import confirm_original, golden_rows, replay
from verify.check.network_rows import RANDOM_ROWS as NETWORK_ROWS
from verify.check.network_rows import network_families, network_random
from verify.check.promote import version_to_check
from verify.comparison.causes import Cause, name_causes
from verify.comparison.parity import Decide, ParityResult, Tolerance, above, label
from verify.comparison.runtime import Runtime
from verify.comparison.stream import Tally, compare_stream
from verify.proof.accepted_rows import accepted_answers
from verify.proof.near_ties import NEAR_A_TIE, tie_rows
from verify.proof.probes import CHUNK_ROWS, Span, spans_of, tree_probes
from verify.proof.split_evidence import SplitProof
from verify.runtimes.flat_rows import flat_tensors, tensor_shape, typed_tensors, words_of
from verify.runtimes.open import open_runtimes
from verify.runtimes.original import Original, load_file, load_original
from verify.runtimes.rust_binary import RUST_ENGINES

Floats = npt.NDArray[np.float64]

RANDOM_ROWS = 200_000
"""Of a model that is not of this house."""
BATCH_SIZES = (1, 2, 1000)
BATCH_ROWS = {"python": 1000, **dict.fromkeys(RUST_ENGINES, 4)}
"""Rows asked again in other batch sizes; the Rust binary is a process a batch."""
OTHER_BATCH_ROWS = 100
"""Of the other runtimes: a call of a browser takes a while."""
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
        versions: runtime -> what runs there, as it says itself.
        missing: runtime that was asked for -> why it was not run.
        required: runtimes without which nothing is proven.
        original: where the original is; "" when it is missing, and golden replay was all that could be done.
        promotion: what the gate said, where the version was put forward.
    """

    folder: Path
    manifest: Manifest
    families: dict[str, Tally] = field(default_factory=dict)
    proof: SplitProof = field(default_factory=SplitProof)
    refusals: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    original: str = ""
    promotion: Promotion | None = None

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
    model_folder: Path,
    *,
    source: Path | None = None,
    original_file: Path | None = None,
    runtimes: tuple[str, ...],
    rows: int | None = None,
    seed: int = 0,
    required: tuple[str, ...] | None = None,
) -> Checked:
    """Check the candidate, or else the current version, of a model.

    Args:
        model_folder: `artifacts/<model>`.
        source: for a model of this house, the folder where training left its original.
        original_file: for any other, the file that it was compiled from.
        runtimes: see `verify.runtimes.open.asked_runtimes`.
        rows: random rows; by default as many as the model says.
        seed: of every random choice.
        required: those of `runtimes` that must be there; all of them when None. The others may be *not run*.

    Raises:
        PipelineError: the version, the original or a required runtime cannot be used; nothing is concluded then.
    """
    folder = version_to_check(model_folder)
    checked = Checked(folder, read_manifest(folder))
    opened, checked.missing = open_runtimes(runtimes, folder, checked.manifest, required=required)
    checked.required = runtimes if required is None else required
    base, expected = golden_rows(folder, checked.manifest)
    opened = _replayed(checked, opened, base, expected)
    checked.refusals = [f"{r.name}: {said}" for r in opened if (said := r.replay_golden())]
    if original_file is not None:
        original: Original | None = load_file(original_file, checked.manifest)
    else:
        original = None if source is None else load_original(checked.manifest, source)
    if original is None:
        return checked
    confirm_original(original, base, expected, checked.tolerance)
    checked.original = original.name
    model = models().get(checked.manifest.model) if original_file is None else None
    _check_rows(checked, original, opened, base, model=model, rows=rows, seed=seed)
    _find_causes(checked, original)
    return checked


def _replayed(checked: Checked, opened: list[Runtime], base: Floats, expected: Floats) -> list[Runtime]:
    """The runtimes that answered the golden cases at all; one that is not required may lack an operator."""
    answered, replays = [], {}
    for runtime in opened:
        try:
            replays[runtime.name] = replay(runtime, base, expected, checked.tolerance)
        except PipelineError as error:
            if runtime.name in checked.required:
                raise
            checked.missing[runtime.name] = str(error)
            continue
        answered.append(runtime)
        checked.versions[runtime.name] = runtime.version
    checked.families["golden replay"] = Tally(replays)
    return answered


def _check_rows(
    checked: Checked,
    original: Original,
    runtimes: list[Runtime],
    base: Floats,
    *,
    model: Model | None,
    rows: int | None,
    seed: int,
) -> None:
    """Probes of the model's own if it has any, else those that its estimator's splits and columns give."""
    manifest = checked.manifest
    count = rows if rows is not None else model.random_rows if model else RANDOM_ROWS
    inputs = [(tensor.name, tensor_shape(tensor)) for tensor in manifest.inputs]
    if original.network is not None:
        count = NETWORK_ROWS if rows is None else rows
        more = network_random(original, inputs, count, seed=seed)
        _run(checked, original, runtimes, network_families(original, inputs, seed=seed), more, count, {})
        return
    words = words_of(manifest.settings)
    tensors = typed_tensors(base, manifest.inputs, words)
    own = model.probes(manifest.settings, tensors) if model else None
    if model is not None and own is not None:
        families = {name: flat_tensors(family, manifest.inputs, words) for name, family in own.items()}
        made = model.random_inputs(manifest.settings, tensors, count, seed=seed)
        more = (flat_tensors(some, manifest.inputs, words) for some in made)
        _run(checked, original, runtimes, families, more, count, {})
        return
    config = default_config() if model else None
    marks = model.decisions(config.section(model.name), config.ml_integration) if model and config else {}
    with cli.console.status(f"{manifest.model}: looking for a row at every split"):
        probes = tree_probes(
            original.groups,
            base,
            _closed(
                spans_of([column for tensor in manifest.inputs for column in tensor.columns], base), original, base
            ),
            judge=original.judge(checked.tolerance),
            takes_missing=original.takes_missing(base),
            seed=seed,
        )
        near = tie_rows(original.answer, probes.source, marks=tuple(marks.values()), seed=seed)
    checked.proof = probes.proof
    decisions: dict[str, Decide] = {name: above(mark) for name, mark in marks.items()}
    if not model and has_classes(original.estimator) and len(manifest.outputs) == 1:
        decisions = {"label": label}
    families = probes.families | ({NEAR_A_TIE: near} if len(near) else {})
    _run(checked, original, runtimes, families, probes.source.chunks(count, seed=seed), count, decisions)


def _closed(spans: tuple[Span, ...], original: Original, base: Floats) -> tuple[Span, ...]:
    """The spans, with the values of columns that hold one of a few: text, and numbers of which others are refused."""
    if original.estimator is None or not len(base):
        return spans
    closed = closed_columns(
        original.estimator, base[0], lambda rows: bool(accepted_answers(original.answer, rows)[1].all())
    )
    return tuple(replace(span, choices=tuple(closed.get(index, ()))) for index, span in enumerate(spans))


def _run(
    checked: Checked,
    original: Original,
    runtimes: list[Runtime],
    families: dict[str, Floats],
    more: Iterator[Floats],
    rows: int,
    decisions: dict[str, Decide],
) -> None:
    """Every family, then other batch sizes, then the random rows, under one progress bar.

    A runtime that is not required and breaks off is *not run*, with its reason: what it answered before proves nothing.
    """
    runtimes = [one if one.name in checked.required else BreakingOff(one, checked.missing) for one in runtimes]
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
                most = BATCH_ROWS.get(runtime.name, OTHER_BATCH_ROWS)
                if size <= most:
                    picked = some[:: max(1, len(some) // most)][:most]
                    tally.add(compared(iter([picked]), [Batched(runtime, size)]))
                    progress.advance(task, -len(picked))
            checked.families[f"batches of {size}"] = tally
        checked.families[RANDOM] = compared(more, runtimes)
    for name in checked.missing:
        for tally in checked.families.values():
            tally.results.pop(name, None)


@dataclass(frozen=True)
class Wrapped:
    """A runtime that is asked in another way."""

    runtime: Runtime

    @property
    def name(self) -> str:
        """The runtime's own."""
        return self.runtime.name

    @property
    def version(self) -> str:
        """The runtime's own."""
        return self.runtime.version

    @property
    def most_rows(self) -> int | None:
        """The runtime's own."""
        return self.runtime.most_rows

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`."""
        return self.runtime(rows)

    def replay_golden(self) -> str:
        """See `Runtime`."""
        return self.runtime.replay_golden()


@dataclass(frozen=True)
class Batched(Wrapped):
    """A runtime that is asked `size` rows at a time."""

    size: int

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`."""
        parts = [self.runtime(rows[start : start + self.size]) for start in range(0, len(rows), self.size)]
        return np.concatenate(parts)


@dataclass(frozen=True)
class BreakingOff(Wrapped):
    """A runtime that answers nothing more once it could not; `missing` then has its name and the reason."""

    missing: dict[str, str]

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`; no row where it could not."""
        if self.name not in self.missing:
            try:
                return self.runtime(rows)
            except PipelineError as error:
                self.missing[self.name] = str(error)
        return np.empty((0, 1))


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
