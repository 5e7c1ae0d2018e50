"""The history of a model: every change of the version in use is a step, a file of its own that is never changed.

`steps/<number>.json` says who put which version into use, when and why; `current.json` names the version and the
step that put it there. A step is written before `current.json` is replaced, so a crash can leave a step that was never
reached: each names its predecessor by number and hash, and the history is the chain back from `current.json`.
"""

import base64
import getpass
import json
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
        PipelineError: the pointer and its step differ, a step is missing or was changed, or the pointer is missing
            though steps have followed each other.
    """
    pointer = read_pointer(model_folder, CURRENT)
    if pointer is None or pointer.step is None:
        _require_no_history(model_folder)
        return []
    chain = chain_back(model_folder, pointer.step)
    if chain[-1].version != pointer.version:
        raise PipelineError(
            f"{model_folder / CURRENT}: names version {pointer.version}, but step {pointer.step} put "
            f"{chain[-1].version} into use; one of them was changed"
        )
    return chain


def chain_back(model_folder: Path, number: int) -> list[Step]:
    """The steps that led to step `number`, oldest first.

    Each holds the hash of the one before it; the last is held against its signature, if it has one (by whom, only keys
    can tell).

    Raises:
        PipelineError: one is missing or was changed.
    """
    chain = [read_step(model_folder, number)]
    _require_as_in_signature(model_folder, number)
    while (previous := chain[-1].previous) is not None:
        later = chain[-1]
        if previous >= later.number:
            raise PipelineError(
                f"{step_path(model_folder, later.number)}: field 'previous': {previous} is no earlier step"
            )
        path = step_path(model_folder, previous)
        if path.is_file() and sha256_hex(read_bytes(path)) != later.previous_sha256:
            raise PipelineError(f"{path}: was changed after step {later.number} was written")
        chain.append(read_step(model_folder, previous))
    return chain[::-1]


def step_numbers(model_folder: Path) -> list[int]:
    """Of the files in `steps/`, the newest first; some may never have been reached."""
    names = (model_folder / STEPS).glob("[0-9]*.json")
    return sorted((int(path.stem) for path in names if path.stem.isdigit()), reverse=True)


def _require_no_history(model_folder: Path) -> None:
    """The first promotion alone may have written a step and no pointer to it: a crash between the two."""
    for number in step_numbers(model_folder):
        if read_step(model_folder, number).previous is not None:
            raise PipelineError(
                f"{model_folder / CURRENT}: is missing or names no step, beside {step_path(model_folder, number)}: "
                f"it was removed or replaced; `python -m export repair {model_folder.resolve().name}` brings it back"
            )


def _require_as_in_signature(model_folder: Path, number: int) -> None:
    path, signature = step_path(model_folder, number), signature_path(model_folder, number)
    if not signature.is_file():
        return
    try:
        payload = json.loads(base64.b64decode(read_json(signature)["dsseEnvelope"]["payload"], validate=True))
        named = {one["name"]: one["digest"] for one in payload["predicate"]["resources"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PipelineError(f"{signature}: no signature of a version: {type(error).__name__}: {error}") from error
    if named.get(f"{STEPS}/{path.name}") != sha256_hex(read_bytes(path)):
        raise PipelineError(f"{path}: was changed after it was signed, or {signature.name} is of another")


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
    if len(why) > _LONGEST_REASON:
        raise PipelineError(f"--reason: {len(why)} characters; say it in {_LONGEST_REASON}")
    return Step(
        model=model_folder.resolve().name,
        number=max([*step_numbers(model_folder), previous or 0]) + 1,
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
