"""The log that the runtime writes (`docs/live_log.md`), read strictly.

What is no answer of the model is left out with a count, and named.
"""

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.unpacked import DAMAGED, check_size, packing, unpacked

FORMAT = 1
LONGEST_LINE = 16 << 20
"""Bytes."""
_CLOSED = re.compile(r"\.\d{6,}$")
_ENDINGS = (".ndjson", ".ndjson.gz", ".ndjson.zst")


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the shadow answered; `answer` is None where it could not."""

    version: str
    answer: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One answer. `time` in UTC as the clock said; `id` is unique in all logs."""

    id: str
    time: datetime
    version: str | None
    engine: str | None
    fallback: bool
    tag: str | None
    about: Mapping[str, Any]
    inputs: Mapping[str, Any]
    answer: Mapping[str, Any]
    warnings: tuple[str, ...]
    shadow: Shadow | None


@dataclass
class Skipped:
    """What is not among the rows, by reason, and what the log itself says is missing."""

    lines: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    lost: int = 0
    gaps: int = 0
    clock_back: int = 0

    def add(self, reason: str, where: str) -> None:
        """A line that is left out."""
        self.lines[reason] += 1
        self.first.setdefault(reason, where)

    def report(self) -> list[str]:
        """A line for each reason: how many, and where the first is."""
        found = [
            f"{count:,} lines skipped: {reason}; the first: {self.first[reason]}"
            for reason, count in self.lines.most_common()
        ]
        for count, says in (
            (self.dropped, "answers are missing: the runtime's queue was full"),
            (self.lost, "answers are missing: the runtime could not write them"),
            (max(0, self.gaps - self.dropped - self.lost), "answers are missing from files that are not here"),
            (self.clock_back, "times the clock went back; answers are in the order in which they were given"),
        ):
            if count:
                found.append(f"{count:,} {says}")
        return found


@dataclass(frozen=True)
class LiveLog:
    """The answers of one model, in the order in which they were given; runs by their beginning."""

    model: str
    paths: tuple[Path, ...]
    rows: tuple[LiveRow, ...]
    skipped: Skipped

    def column(self, name: str) -> NDArray[np.float64]:
        """An input as float64 [row], NaN where it is missing or no number."""
        return np.array([_number(row.inputs.get(name)) for row in self.rows], dtype=np.float64)

    def table(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Inputs as float64 [row, column]."""
        return np.column_stack([self.column(name) for name in names]) if names else np.empty((len(self.rows), 0))

    def taken(self, rows: Sequence[int] | NDArray[np.int64]) -> "LiveLog":
        """Some of the answers."""
        return LiveLog(self.model, self.paths, tuple(self.rows[int(row)] for row in rows), self.skipped)


def is_live_log(path: Path) -> bool:
    """Whether a file, or a folder's files, are such a log: by the name, or by the first line."""
    if path.is_dir():
        return any(name.name.endswith(_ENDINGS) for name in path.iterdir())
    if path.name.endswith(_ENDINGS):
        return True
    try:
        first = next(_lines(path), (1, b""))[1]
    except PipelineError:
        return False
    return first.startswith(b'{"log":')


def read_live_log(paths: Sequence[Path], *, model: str, columns: Sequence[str] | None = None) -> LiveLog:
    """Read logs with their closed files, plain or packed; each answer once.

    Args:
        paths: of the config (its closed files and those of other processes are read with it), single files, or folders.
        model: whose answers are wanted; those of others are counted.
        columns: the inputs that an answer must hold, all and no other; None does not ask.

    Raises:
        PipelineError: a file cannot be read or unpacked, or none of its lines is an answer of the model.
    """
    files = [file for path in paths for file in log_files(path)]
    skipped = Skipped()
    found: dict[str, list[tuple[int, LiveRow]]] = {}
    losses: dict[str, tuple[int, int]] = {}
    numbers: dict[str, set[int]] = {}
    for file in dict.fromkeys(files):
        for number, line in _lines(file):
            _read(line, f"{file} line {number}", skipped, found, (losses, numbers), model=model, columns=columns)
    rows = _ordered(found, skipped)
    # Numbers are given to the answers of all models of a process in turn.
    skipped.gaps = sum(max(given) - min(given) + 1 - len(given) for given in numbers.values())
    skipped.dropped, skipped.lost = (sum(counts[i] for counts in losses.values()) for i in (0, 1))
    if not rows:
        said = "; ".join(skipped.report()) or "it is empty"
        raise PipelineError(f"{', '.join(map(str, paths))}: holds no answer of {model}: {said}")
    return LiveLog(model, tuple(dict.fromkeys(files)), tuple(rows), skipped)


def log_files(path: Path) -> list[Path]:
    """The files of a log: `live.ndjson`, `live.000001.ndjson` (or .gz), and `live-2.ndjson` of another process."""
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS) and file.is_file())
        if not found:
            raise PipelineError(f"{path}: no log here; a log's files end in {', '.join(_ENDINGS)}")
        return found
    stem = path.name.removesuffix(path.suffix)
    if path.name.endswith(_ENDINGS[1:]) or _CLOSED.search(stem):
        return [path]
    mine = re.compile(rf"{re.escape(stem)}(-\d+)?(\.\d{{6,}})?{re.escape(path.suffix)}(\.gz|\.zst)?")
    beside = sorted(file for file in path.parent.iterdir() if mine.fullmatch(file.name)) if path.parent.is_dir() else []
    # One that was named must be there; the others are as they come.
    return beside if beside else [path]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with explain_os_errors(path, "read"):
        if not path.is_file():
            path.open("rb").close()
            raise PipelineError(f"cannot read {path}: is not a regular file")
        how, size = packing(path), path.stat().st_size
        with path.open("rb") as file:
            stream = io.BufferedReader(unpacked(file, how))  # type: ignore[type-var]
            total, number = 0, 0
            try:
                while line := stream.readline(LONGEST_LINE):
                    number += 1
                    total += len(line)
                    check_size(path, total if how else 0, size)
                    yield number, line
            except DAMAGED as error:
                raise PipelineError(f"{path}: the {how} data is cut short or damaged; fetch the file again") from error


def _read(
    line: bytes,
    where: str,
    skipped: Skipped,
    found: dict[str, list[tuple[int, LiveRow]]],
    runs: tuple[dict[str, tuple[int, int]], dict[str, set[int]]],
    *,
    model: str,
    columns: Sequence[str] | None,
) -> None:
    if not line.strip():
        return
    try:
        fields = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        cut = "" if line.endswith(b"\n") else ", cut off"
        skipped.add(f"broken{cut}", where)
        return
    losses, numbers = runs
    if not isinstance(fields, dict) or "log" not in fields:
        skipped.add("of no log", where)
        return
    if fields["log"] != FORMAT or isinstance(fields["log"], bool):
        skipped.add(f"of format {str(fields['log'])[:20]!r}, not {FORMAT}", where)
        return
    if "event" in fields:
        run, dropped, lost = str(fields.get("run")), fields.get("dropped"), fields.get("lost")
        if isinstance(dropped, int) and isinstance(lost, int):
            before = losses.get(run, (0, 0))
            losses[run] = (max(before[0], dropped), max(before[1], lost))
        return
    if type(fields.get("seq")) is int and isinstance(fields.get("run"), str):
        numbers.setdefault(fields["run"], set()).add(fields["seq"])
    if fields.get("model") != model:
        skipped.add(f"of the model {str(fields.get('model'))[:64]!r}", where)
    else:
        row = _row(fields)
        if isinstance(row, str):
            skipped.add(f"broken: {row}", where)
        elif columns is not None and set(row[2].inputs) != set(columns):
            skipped.add("of another contract: other inputs than the version's", where)
        else:
            found.setdefault(row[0], []).append((row[1], row[2]))


def _row(fields: dict[str, Any]) -> tuple[str, int, LiveRow] | str:
    """Run, number and answer; or what is wrong with it."""
    kinds = {"run": str, "seq": int, "time": str, "inputs": dict, "answer": dict, "warnings": list}
    for name, kind in kinds.items():
        if not isinstance(fields.get(name), kind) or isinstance(fields[name], bool):
            return f"field {name!r}"
    if fields.get("source") not in ("model", "fallback"):
        return "field 'source'"
    try:
        time = datetime.fromisoformat(fields["time"]).astimezone(UTC)
    except (ValueError, OverflowError):
        return "field 'time'"
    shadow = fields.get("shadow")
    given = None
    if isinstance(shadow, dict) and isinstance(shadow.get("version"), str):
        answer = shadow.get("answer")
        given = Shadow(sys.intern(shadow["version"]), _shared(answer) if isinstance(answer, dict) else None)
    row = LiveRow(
        id=f"{fields['run']}-{fields['seq']}",
        time=time,
        version=_word(fields.get("version")),
        engine=_word(fields.get("engine")),
        fallback=fields["source"] == "fallback",
        tag=_text(fields.get("tag")),
        about=fields["about"] if isinstance(fields.get("about"), dict) else {},
        inputs=_shared(fields["inputs"]),
        answer=_shared(fields["answer"]),
        warnings=tuple(sys.intern(str(text)) for text in fields["warnings"]),
        shadow=given,
    )
    return fields["run"], fields["seq"], row


def _ordered(found: dict[str, list[tuple[int, LiveRow]]], skipped: Skipped) -> list[LiveRow]:
    rows: list[LiveRow] = []
    for run in sorted(found, key=lambda run: min(row.time for _, row in found[run])):
        once = dict(sorted(found[run], key=lambda one: one[0]))
        for _ in range(len(found[run]) - len(once)):
            skipped.add("twice in these files", run)
        for row in once.values():
            skipped.clock_back += bool(rows) and rows[-1].id.startswith(f"{run}-") and row.time < rows[-1].time
            rows.append(row)
    return rows


def _shared(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with names that all rows share: a million rows hold them once."""
    return {sys.intern(name): value for name, value in fields.items()}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _word(value: Any) -> str | None:
    return sys.intern(value) if isinstance(value, str) else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
