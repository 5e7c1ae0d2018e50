"""The one place that changes which version of a model is in use."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, CURRENT, changing, read_pointer, set_version
from export.versions.steps import Event, Step, chain_back, history, next_step, rollback_target, step_numbers, write_step
from train.core.errors import PipelineError
from train.core.files import explain_os_errors, sync_folder

Sign = Callable[[Path, Step], None]
"""(model's folder, step) -> writes the step's signature."""
Check = Callable[[Path, str, list[Step]], None]
"""(model's folder, version, history) -> an error where the version is not as it was signed."""


def put_into_use(
    model_folder: Path, version: str, *, event: Event, why: str, sign: Sign | None = None, **more: Any
) -> Step | None:
    """Let a version be the one in use, in one step that a crash leaves either done or not begun.

    The caller holds the folder (`changing`). Order: the step, its signature, `current.json`; each is on the disk before
    the next begins.

    Args:
        model_folder: of the model.
        version: whose folder lies in it.
        event: what is done.
        why: for the history.
        sign: signs the step and the version.
        more: further fields of the step.

    Returns:
        The step; None when the version is in use already and nothing is to be signed.
    """
    pointer = read_pointer(model_folder, CURRENT)
    step = None
    if pointer is None or pointer.version != version or event == "sign":
        step = next_step(model_folder, event, version, why=why, **more)
        write_step(model_folder, step)
        if sign is not None:
            sign(model_folder, step)
        set_version(model_folder, CURRENT, version, step=step.number)
    candidate = read_pointer(model_folder, CANDIDATE)
    if candidate is not None and candidate.version == version:
        with explain_os_errors(model_folder / CANDIDATE, "remove"), contextlib.suppress(FileNotFoundError):
            (model_folder / CANDIDATE).unlink()
            sync_folder(model_folder)
    return step


def there(model_folder: Path) -> Path:
    """The folder itself, if it is one."""
    if not model_folder.is_dir():
        raise PipelineError(f"{model_folder}: no such folder; run `python -m export {model_folder.name}` first")
    return model_folder


def roll_back(model_folder: Path, *, why: str, sign: Sign | None = None, check: Check | None = None) -> Step:
    """Put the version that was in use before back into use.

    Raises:
        PipelineError: there was none, or its folder is gone or damaged; what is in use stays.
    """
    with changing(there(model_folder)):
        steps = history(model_folder)
        target = rollback_target(steps)
        if target is None:
            raise PipelineError(f"{model_folder}: no version was in use before this one; there is no way back")
        if not (model_folder / target).is_dir():
            raise PipelineError(f"{model_folder / target}: the version before is not there any more")
        read_manifest(model_folder / target)
        if check is not None:
            check(model_folder, target, steps)
        step = put_into_use(model_folder, target, event="rollback", why=why, sign=sign)
        if step is None:
            raise PipelineError(f"{model_folder}: {target} is in use already")
        return step


def sign_again(model_folder: Path, *, why: str, sign: Sign, check: Check | None = None) -> Step:
    """Sign the version in use in a step of its own, for instance after the keys were rotated.

    Raises:
        PipelineError: none is in use, or it is damaged.
    """
    with changing(there(model_folder)):
        steps = history(model_folder)
        current = read_pointer(model_folder, CURRENT)
        if current is None:
            raise PipelineError(f"{model_folder}: no version is in use; promote one first")
        read_manifest(model_folder / current.version)
        if check is not None:
            check(model_folder, current.version, steps)
        step = put_into_use(model_folder, current.version, event="sign", why=why, sign=sign)
        assert step is not None
        return step


def repair(model_folder: Path, *, number: int | None, check: Check | None = None) -> tuple[Step, bool]:
    """Bring a pointer to the version in use back that is missing, broken or names another: from the steps.

    Args:
        model_folder: of the model.
        number: of the step that it is to name; None means the newest.
        check: who must have signed it.

    Returns:
        The step, and whether anything had to be written.

    Raises:
        PipelineError: there is no step, its chain or its version is damaged, or `check` refuses.
    """
    with changing(there(model_folder)):
        numbers = step_numbers(model_folder)
        if not numbers:
            raise PipelineError(f"{model_folder}: no step is there to repair from; promote a version")
        if number is not None and number not in numbers:
            raise PipelineError(f"--step {number}: there are {', '.join(map(str, numbers[:5]))}, the newest first")
        try:
            if number is None and (sound := history(model_folder)):
                return sound[-1], False
        except PipelineError:
            pass
        steps = chain_back(model_folder, numbers[0] if number is None else number)
        newest = steps[-1]
        if not (model_folder / newest.version).is_dir():
            raise PipelineError(f"{model_folder / newest.version}: is not there any more; name an earlier --step")
        read_manifest(model_folder / newest.version)
        if check is not None:
            check(model_folder, newest.version, steps)
        set_version(model_folder, CURRENT, newest.version, step=newest.number)
        return newest, True


def prune(model_folder: Path, *, keep: int) -> list[str]:
    """Remove all but the `keep` newest versions; never the one in use, the one before it, or the candidate.

    Returns:
        The versions removed, oldest first.
    """
    with changing(there(model_folder)):
        steps = history(model_folder)
        pointers = [read_pointer(model_folder, which) for which in (CURRENT, CANDIDATE)]
        safe = {pointer.version for pointer in pointers if pointer} | {rollback_target(steps)}
        newest = versions(model_folder)
        removed = [version for version in newest[keep:][::-1] if version not in safe]
        for version in removed:
            # Gone in one step under its name: nobody reads half of it.
            hidden = model_folder / f".{version}.removed"
            with explain_os_errors(model_folder / version, "remove"):
                (model_folder / version).rename(hidden)
                shutil.rmtree(hidden)
        return removed


def versions(model_folder: Path) -> list[str]:
    """The versions whose folders lie in a model's folder, the newest first."""
    folders = [
        path
        for path in model_folder.iterdir()
        if len(path.name) == 12
        and set(path.name) <= set("0123456789abcdef")
        and path.is_dir()
        and not path.is_symlink()
    ]
    return [path.name for path in sorted(folders, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)]
