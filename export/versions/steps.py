"""The history of a model: every change of the version in use is a step, a file of its own that is never changed.

`steps/<number>.json` says who put which version into use, when and why; `current.json` names the version and the
step that put it there. A step is written before `current.json` is replaced, so a crash can leave a step that was never
reached: each names its predecessor by number and hash, and the history is the chain back from `current.json`.
"""

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.artifact.manifest import MODEL_NAME
from export.artifact.version_folder import CURRENT, MOST_STEPS, read_pointer
from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, read_json, sha256_hex, write_atomic

STEPS = "steps"
VERSION = r"^[0-9a-f]{12}$"
Event = Literal["promote", "rollback", "sign"]
_LONGEST_REASON = 2000


class Step(BaseModel):
    """One step; `replaces` is the version in use before, `previous` the step that put it there and its SHA-256.

    `gate` holds the findings of the gate, `forced` that it had refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    model: str = Field(pattern=MODEL_NAME)
    number: int = Field(ge=1, le=MOST_STEPS)
    event: Event
    version: str = Field(pattern=VERSION)
    replaces: str | None = Field(None, pattern=VERSION)
    previous: int | None = Field(None, ge=1, le=MOST_STEPS)
    previous_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    who: str
    when: datetime
    why: str = Field(max_length=_LONGEST_REASON)
    forced: bool = False
    gate: list[dict[str, Any]] = Field(default_factory=list)


def step_path(model_folder: Path, number: int) -> Path:
    """The file of a step."""
    return model_folder / STEPS / f"{number:08}.json"


def signature_path(model_folder: Path, number: int) -> Path:
    """The signature of a step and of the version that it puts into use."""
    return model_folder / STEPS / f"{number:08}.sig"


def read_step(model_folder: Path, number: int) -> Step:
    """One step.

    Raises:
        PipelineError: it is missing, no step, or of another model or number.
    """
    path = step_path(model_folder, number)
    if not path.is_file():
        raise PipelineError(f"{path}: is missing; bring the folder back from a backup, or promote a version anew")
    try:
        read_json(path)  # names a key that stands twice
        step = Step.model_validate_json(read_bytes(path), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PipelineError(f"{path}: field {where!r}: {first['msg']}; it was changed after it was written") from error
    if step.number != number:
        raise PipelineError(f"{path}: field 'number': is {step.number}; the file was renamed")
    if step.model != model_folder.resolve().name:
        raise PipelineError(f"{path}: field 'model': is {step.model!r}; the step is of another model")
    return step


def history(model_folder: Path) -> list[Step]:
    """The steps that led to the version in use, oldest first; [] where there is none.

    Raises:
        PipelineError: the pointer and its step differ, or a step is missing or was changed.
    """
    pointer = read_pointer(model_folder, CURRENT)
    if pointer is None or pointer.step is None:
        return []
    chain = [read_step(model_folder, pointer.step)]
    if chain[0].version != pointer.version:
        raise PipelineError(
            f"{model_folder / CURRENT}: names version {pointer.version}, but step {pointer.step} put "
            f"{chain[0].version} into use; one of them was changed"
        )
    while (number := chain[-1].previous) is not None:
        later = chain[-1]
        if number >= later.number:
            raise PipelineError(
                f"{step_path(model_folder, later.number)}: field 'previous': {number} is no earlier step"
            )
        if sha256_hex(read_bytes(step_path(model_folder, number))) != later.previous_sha256:
            raise PipelineError(f"{step_path(model_folder, number)}: was changed after step {later.number} was written")
        chain.append(read_step(model_folder, number))
    return chain[::-1]


def rollback_target(steps: list[Step]) -> str | None:
    """The version that was in use before the one that is; None where nothing was.

    A rollback takes its version off, so that a second one goes further back and not forth.
    """
    stack: list[str] = []
    for step in steps:
        if step.replaces is not None and not stack:
            stack.append(step.replaces)
        if step.event == "rollback" and stack[-2:-1] == [step.version]:
            stack.pop()
        elif not stack or stack[-1] != step.version:
            stack.append(step.version)
    return stack[-2] if len(stack) > 1 else None


def next_step(model_folder: Path, event: Event, version: str, *, why: str, **more: Any) -> Step:
    """The step after the newest file in `steps/`, whoever wrote it, as a successor of the one in use."""
    pointer = read_pointer(model_folder, CURRENT)
    previous = None if pointer is None else pointer.step
    numbers = [int(path.stem) for path in (model_folder / STEPS).glob("[0-9]*.json") if path.stem.isdigit()]
    if len(why) > _LONGEST_REASON:
        raise PipelineError(f"--reason: {len(why)} characters; say it in {_LONGEST_REASON}")
    return Step(
        model=model_folder.resolve().name,
        number=max([*numbers, previous or 0]) + 1,
        event=event,
        version=version,
        replaces=None if pointer is None else pointer.version,
        previous=previous,
        previous_sha256=None if previous is None else sha256_hex(read_bytes(step_path(model_folder, previous))),
        who=_who(),
        when=datetime.now(UTC).replace(microsecond=0),
        why=why,
        **more,
    )


def write_step(model_folder: Path, step: Step) -> None:
    """Write the step's file; a number is never used twice."""
    path = step_path(model_folder, step.number)
    if path.exists():
        raise PipelineError(f"{path}: is there already; two processes change this folder without its lock")
    write_atomic(path, json_bytes(step.model_dump(mode="json")))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"
