"""The gate: what a version must show before it is put into use. A refusal is a result (exit 1), never an exception."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact.manifest import GOLDEN_FILE, Manifest, TensorEntry, read_manifest
from export.compile_model import DTYPES
from export.versions.finding import Finding, Verdict, number
from export.versions.live import LiveData, live_findings
from export.versions.proof import proof_of
from export.versions.served import Served, latency
from export.versions.skill import findings_of_skill
from train.core.config_sections import Gate
from train.core.errors import PipelineError
from train.core.files import read_json
from train.core.records.window import Window, read_window
from train.model import Model, Tensors


def judge(
    challenger: Path,
    champion: Path | None,
    *,
    model: Model | None,
    source: Path | None,
    settings: Gate,
    live: LiveData | None = None,
) -> list[Finding]:
    """Everything that the gate looks at; costs seconds.

    Args:
        challenger: the version's folder.
        champion: the folder of the version in use; None for a first promotion, which baselines alone decide.
        model: None for a model that is not of this house: its skill is not known, and not compared.
        source: the folder that training wrote, which holds the gate's window.
        settings: margins and budgets.
        live: logs that decide, too.

    Raises:
        PipelineError: the challenger is damaged, or as `live_findings`.
    """
    manifest = read_manifest(challenger)
    found = [_parity(challenger, manifest)]
    rival, problem = _champion(champion)
    comparable = rival is not None
    if rival is not None:
        differs = contract_differences(rival.manifest, manifest)
        comparable = not differs
        found.append(
            Finding(
                "contract: as the champion's",
                "differs" if differs else "the same",
                rival.folder.name,
                "refused" if differs else "good",
                "; ".join(differs[:3]),
            )
        )
    elif problem:
        found.append(Finding("champion", "-", str(champion.name if champion else ""), "refused", problem))
    megabytes = manifest.graph.bytes / 2**20
    found.append(
        Finding(
            "size",
            f"{megabytes:.2f} MiB",
            f"{settings.largest_mb:g} MiB",
            "good" if megabytes <= settings.largest_mb else "refused",
        )
    )
    if found[0].verdict == "refused":
        return found  # an unproven graph is not asked anything
    served = Served(challenger)
    window, no_window = _window(manifest, model, source, first=champion is None)
    inputs = _golden(served) if window is None or model is None else model.window_inputs(window, manifest.settings)
    if model is None or window is None:
        found.append(no_window)
    else:
        losses = model.window_losses(window, served.answer(inputs))
        theirs = model.window_losses(window, rival.answer(inputs)) if rival and comparable else None
        found += findings_of_skill(window, losses, theirs, margin=settings.margin, confidence=settings.confidence)
    if live is not None:
        used = None if champion is None else champion.name
        found += live_findings(model, live, challenger=challenger.name, champion=used, settings=settings)
    found.append(_latency(served, rival if comparable else None, inputs, settings))
    return found


def _parity(folder: Path, manifest: Manifest) -> Finding:
    proof = proof_of(folder, manifest)
    if isinstance(proof, str):
        return Finding("parity", "not proven", manifest.parity.reference, "refused", proof)
    rows = ", ".join(f"{name} {one['rows']:,} rows" for name, one in proof["runtimes"].items())
    return Finding("parity", "proven", manifest.parity.reference, "good", rows)


def _champion(folder: Path | None) -> tuple[Served | None, str]:
    """The champion, or why it cannot be asked; what is damaged is a reason for a person to look."""
    if folder is None:
        return None, ""
    try:
        return Served(folder), ""
    except PipelineError as error:
        return None, f"{error}: --force replaces it"


def contract_differences(old: Manifest, new: Manifest) -> list[str]:
    """Why an engine that uses `old` could not use `new`: each a line; wider limits are no difference."""
    found = [] if old.task == new.task else [f"task {new.task}, was {old.task}"]
    for side, before, after in (("input", old.inputs, new.inputs), ("output", old.outputs, new.outputs)):
        names = [[tensor.name for tensor in tensors] for tensors in (before, after)]
        if names[0] != names[1]:
            found.append(f"{side}s {', '.join(names[1])}, were {', '.join(names[0])}")
            continue
        for one, other in zip(before, after, strict=True):
            found += _tensor_differences(f"{side} {one.name!r}", one, other, takes=side == "input")
    return found


def _tensor_differences(where: str, old: TensorEntry, new: TensorEntry, *, takes: bool) -> list[str]:
    if (old.dtype, old.shape) != (new.dtype, new.shape):
        return [f"{where}: {new.dtype} {new.shape}, was {old.dtype} {old.shape}"]
    if [column.name for column in old.columns] != [column.name for column in new.columns]:
        return [f"{where}: other columns or another order"]
    found = []
    for one, other in zip(old.columns, new.columns, strict=True):
        place = f"{where}, column {one.name!r}"
        if one.unit != other.unit:
            found.append(f"{place}: in {other.unit}, was in {one.unit}")
        if takes and one.missing and not other.missing:
            found.append(f"{place}: must not be missing any more")
        if takes and not one.integer and other.integer:
            found.append(f"{place}: must be whole now")
        narrower = [
            other.minimum is not None and (one.minimum is None or other.minimum > one.minimum),
            other.maximum is not None and (one.maximum is None or other.maximum < one.maximum),
        ]
        if takes and any(narrower):
            found.append(f"{place}: narrower limits")
    return found


def _window(
    manifest: Manifest, model: Model | None, source: Path | None, *, first: bool
) -> tuple[Window | None, Finding]:
    """The window that goes with the version; where there is none, what follows from that."""

    def skill(verdict: Verdict, note: str) -> Finding:
        return Finding("skill", "-", "-", verdict, note)

    if model is None or source is None:
        return None, skill("not compared", "not a model of this house: no window is known")
    if manifest.training.window is None:
        return None, skill(
            "not compared" if first else "refused", "its training kept no window of untouched data; train it again"
        )
    try:
        window, digest = read_window(source)
    except PipelineError as error:
        return None, skill("refused", str(error))
    if digest != manifest.training.window:
        return None, skill("refused", f"{source} holds the window of another training; train and export again")
    return window, skill("good", "")


def _golden(served: Served) -> Tensors:
    """The golden inputs, to take the time with where there is no window."""
    golden: Mapping[str, Any] = read_json(served.folder / GOLDEN_FILE)["inputs"]
    result = {}
    for tensor in served.manifest.inputs:
        dtype = DTYPES[tensor.dtype]
        result[tensor.name] = np.asarray(golden[tensor.name], dtype=dtype)  # None becomes NaN
    return result


def _latency(served: Served, rival: Served | None, inputs: Tensors, settings: Gate) -> Finding:
    ours, theirs = latency(served, rival, inputs)
    shown = f"{ours * 1e6:.1f} us a row"
    if rival is None:
        return Finding("latency", shown, "-", "good", "nothing to compare with")
    ratio = ours / theirs
    return Finding(
        "latency",
        shown,
        f"{theirs * 1e6:.1f} us a row",
        "good" if ratio <= settings.latency_ratio else "refused",
        f"ratio {number(ratio)}, allowed {settings.latency_ratio:g}; both in turns on this machine",
    )
