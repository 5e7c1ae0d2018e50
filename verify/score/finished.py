"""What of a run is done: the record in its output folder, written whole at every step, from which a restart goes on."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError
from train.core.files import explain_os_errors, json_bytes, read_json, write_atomic
from verify.score.parts import Part

RECORD = "_score.json"
"""Readers of Parquet folders pass over names that begin with an underscore."""
LOCK = ".score.lock"
FORMAT = 1
_EVERY = 1.0
"""Seconds between two writings: what was done in between is done anew after a kill, to the same bytes."""
_LEFT = re.compile(r"\.(_score\.json|.+\.[0-9]{5}\.parquet)\.[^.]+")
_FIELDS = {"format", "run", "done", "set_aside"}


@dataclass(frozen=True)
class Done:
    """One part that is written.

    Attributes:
        rows: in it, and so in its output.
        refused: rows without an answer.
        warned: rows with an answer and a warning.
        bytes: of the output.
        sha256: of the output.
    """

    rows: int
    refused: int
    warned: int
    bytes: int
    sha256: str


class Finished:
    """The record of one output folder; `run` says what it is the answer to, and a folder of another run is refused.

    Raises:
        PipelineError: the folder is another run's, holds what no run of ours made, or its record is damaged.
    """

    def __init__(self, output: Path, run: Mapping[str, Any]) -> None:
        self._path, self._output, self._run = output / RECORD, output, dict(run)
        self._done: dict[str, dict[str, Any]] = {}
        self.set_aside: dict[str, str] = {}
        """Name of a file -> why it could not be read."""
        self._written = 0.0
        if self._path.exists():
            self._read()
            return
        there = next((path for path in sorted(output.glob("*")) if not path.name.startswith(".")), None)
        if there is not None:
            raise PipelineError(f"--output {output}: holds {there.name}, and no run of ours; name a new folder")

    def done(self, part: Part) -> Done | None:
        """What is known of a part whose output lies there whole, made of the very file that is there now."""
        entry = self._done.get(part.output)
        if entry is None or entry["input"] != _stamp(part):
            return None
        try:
            size = (self._output / part.output).stat().st_size
        except OSError:
            return None
        found = Done(**{name: entry[name] for name in Done.__dataclass_fields__})
        return found if size == found.bytes else None

    def add(self, part: Part, done: Done) -> None:
        """A part's output is in its place."""
        self._done[part.output] = {**asdict(done), "input": _stamp(part)}
        self._save_sometimes()

    def remove_changed(self, parts: Sequence[Part]) -> list[str]:
        """Remove outputs of files that have changed since, which would stand beside those of the new ones.

        Returns:
            Their names.
        """
        files = {part.source.name: part.source for part in parts}
        changed = [
            name
            for name, entry in sorted(self._done.items())
            if (source := files.get(_file_of(name))) is not None and entry["input"][:2] != [source.size, source.changed]
        ]
        for name in changed:
            self._remove(name)
        return changed

    def set_file_aside(self, name: str, reason: str, parts: Sequence[Part]) -> None:
        """A file that cannot be read to its end has no output at all: half of it would pass for the whole."""
        self.set_aside[name] = reason
        for part in parts:
            if part.source.name == name:
                self._remove(part.output)

    def gone(self, names: Iterable[str]) -> list[str]:
        """Outputs that stay although their file is not among these."""
        there = set(names)
        return sorted(name for name in self._done if _file_of(name) not in there)

    def _remove(self, name: str) -> None:
        with explain_os_errors(self._output / name, "remove"):
            (self._output / name).unlink(missing_ok=True)
        self._done.pop(name, None)

    def save(self) -> None:
        """Write the record."""
        fields = {
            "format": FORMAT,
            "run": self._run,
            "done": dict(sorted(self._done.items())),
            "set_aside": dict(sorted(self.set_aside.items())),
        }
        write_atomic(self._path, json_bytes(fields))
        self._written = time.monotonic()

    def _save_sometimes(self) -> None:
        if time.monotonic() - self._written > _EVERY:
            self.save()

    def _read(self) -> None:
        fields = read_json(self._path)
        if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["format"] != FORMAT:
            raise PipelineError(f"{self._path}: not a record of this format; name a new output folder")
        for name, value in self._run.items():
            found = fields["run"].get(name)
            if found != value:
                raise PipelineError(
                    f"--output {self._output}: is of another run: {name} was {found}, now {value}; name a new folder"
                )
        self._done = fields["done"]


def remove_left(output: Path) -> None:
    """Remove what a process left half written that was killed."""
    for path in output.rglob(".*"):
        if _LEFT.fullmatch(path.name):
            with explain_os_errors(path, "remove"):
                path.unlink(missing_ok=True)


def _file_of(output: str) -> str:
    """The input's name, of `Part.output`."""
    return output.rsplit(".", 2)[0]


def _stamp(part: Part) -> list[int]:
    return [part.source.size, part.source.changed, *part.groups[:1], *part.groups[-1:]]
