"""The gate on live data: the version in use and its challenger, which answered in its shadow, on what really came."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.versions.finding import Finding
from export.versions.skill import findings_of_skill
from train.core.config_sections import Gate
from train.core.errors import PipelineError
from train.core.records.live_log import read_live_log
from train.core.records.live_window import answered_by, outputs_of
from train.model import Model


@dataclass(frozen=True)
class LiveData:
    """Logs of the runtime, and files of what came of the answers in them."""

    logs: Sequence[Path]
    outcomes: Sequence[Path]


def live_findings(
    model: Model | None, data: LiveData, *, challenger: str, champion: str | None, settings: Gate
) -> list[Finding]:
    """The measures of the gate on those answers beside which the challenger answered, and whose outcome is known.

    Raises:
        PipelineError: a file is wrong, no outcome is of an answer, or the model is not of this house.
    """
    if model is None:
        raise PipelineError("--live: not a model of this house: what an outcome is, is not known")
    if champion is None:
        return [Finding("live", "-", "-", "refused", "no version is in use beside which it could have answered")]
    columns = [column.name for tensor in model.inputs for column in tensor.columns]
    log = read_live_log(data.logs, model=model.name, columns=columns)
    both = answered_by(log, champion, shadow=challenger)
    if not both.rows:
        note = f"{len(log.rows):,} answers in the log, none with {challenger} in the shadow of {champion}"
        return [Finding("live", "-", champion, "refused", note)]
    live = model.live_window(both, data.outcomes)
    taken = both.taken(live.rows)
    names = [tensor.name for tensor in model.outputs if tensor.name in taken.rows[0].answer]
    losses = [
        model.window_losses(live.window, outputs_of(taken.rows, names, shadow=shadow)) for shadow in (challenger, None)
    ]
    found = findings_of_skill(live.window, losses[0], losses[1], margin=settings.margin, confidence=settings.confidence)
    return [replace(finding, check=f"live, {finding.check}") for finding in found]
