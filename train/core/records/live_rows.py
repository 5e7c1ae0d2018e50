"""Answers of a log (`docs/live_log.md`), one after the other in the order of the files, in bounded memory."""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError
from train.core.records.live_files import log_files, log_lines

FORMAT = 1
OTHERS = "of the model"
"""How the reason of a skipped line begins that answers for somebody else."""
_BITS = 10
"""Of a number that stand in one word of a `_Numbers`."""


class NoAnswersError(PipelineError):
    """None of a log's lines is an answer of the model; `own`: some are meant to be."""

    def __init__(self, text: str, skipped: "Skipped", *, own: bool) -> None:
        super().__init__(text)
        self.skipped, self.own = skipped, own


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the shadow answered; `answer` is None where it could not."""

    version: str
    answer: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One answer. `time` in UTC as the clock said; `id` is unique in all logs."""

    id: str
    run: str
    seq: int
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
    other_days: Counter[date] = field(default_factory=Counter)
    """Answers of days that were not asked for."""
    events: int = 0
    """Lines in which the log speaks of itself."""

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


class _Numbers:
    """A set of whole numbers that mostly follow one another: a bit each."""

    def __init__(self) -> None:
        self._words: dict[int, int] = defaultdict(int)
        self.low, self.high, self.count = 0, -1, 0

    def add(self, number: int) -> bool:
        """Whether it is new."""
        word, bit = number >> _BITS, 1 << (number & ((1 << _BITS) - 1))
        if self._words[word] & bit:
            return False
        self._words[word] |= bit
        self.low, self.high = (min(self.low, number), max(self.high, number)) if self.count else (number, number)
        self.count += 1
        return True

    @property
    def gaps(self) -> int:
        """How many between the lowest and the highest are not there."""
        return self.high - self.low + 1 - self.count


class LiveReader:
    """Reads logs with their closed files, plain, packed or Parquet; iterate once.

    `skipped` is whole once the iteration has ended, but for `clock_back`, which whoever orders the rows counts.
    """

    def __init__(self, paths: Sequence[Path], *, model: str, columns: Sequence[str] | None = None) -> None:
        """Look for the files.

        Args:
            paths: of the config (its closed files and those of other processes are read with it), files, or folders.
            model: whose answers are wanted; those of others are counted.
            columns: the inputs that an answer must hold, all and no other; None does not ask.
        """
        self.named, self.model = tuple(paths), model
        self.paths = tuple(dict.fromkeys(file for path in paths for file in log_files(path)))
        self.skipped = Skipped()
        self._own = False
        self._columns = None if columns is None else set(columns)
        self._losses: dict[str, tuple[int, int]] = {}
        self._numbers: dict[str, _Numbers] = defaultdict(_Numbers)
        self._taken: dict[str, _Numbers] = defaultdict(_Numbers)

    def __iter__(self) -> Iterator[LiveRow]:
        """Each answer once, as it stands in the files.

        Raises:
            PipelineError: a file cannot be read or unpacked.
            NoAnswersError: none of the lines is an answer of the model.
        """
        found = 0
        for file in self.paths:
            for number, line in log_lines(file):
                where = f"{file} line {number}"
                row = self._row(line, where)
                if row is None:
                    continue
                if not self._taken[row.run].add(row.seq):
                    self.skipped.add("twice in these files", where)
                    continue
                found += 1
                yield row
        # Numbers are given to the answers of all models of a process in turn.
        self.skipped.gaps = sum(given.gaps for given in self._numbers.values())
        self.skipped.dropped, self.skipped.lost = (sum(counts[i] for counts in self._losses.values()) for i in (0, 1))
        if not found:
            said = "; ".join(self.skipped.report()) or self._empty()
            text = f"{', '.join(map(str, self.named))}: holds no answer of {self.model}: {said}"
            raise NoAnswersError(text, self.skipped, own=self._own)

    def _empty(self) -> str:
        """What a log holds that holds no line to skip."""
        return (
            f"its {self.skipped.events:,} lines say when it began and ended" if self.skipped.events else "it is empty"
        )

    def _row(self, line: bytes | dict[str, Any], where: str) -> LiveRow | None:
        """The answer of a line that holds one of the model; all else is counted."""
        fields = fields_of(line)
        if isinstance(fields, str):
            if fields:
                self.skipped.add(fields, where)
            return None
        run = fields.get("run")
        if "event" in fields:
            self.skipped.events += 1
            dropped, lost = fields.get("dropped"), fields.get("lost")
            if isinstance(dropped, int) and isinstance(lost, int):
                before = self._losses.get(str(run), (0, 0))
                self._losses[str(run)] = (max(before[0], dropped), max(before[1], lost))
            return None
        if _is_count(fields.get("seq")) and isinstance(run, str):
            self._numbers[run].add(fields["seq"])
        if fields.get("model") != self.model:
            self.skipped.add(f"{OTHERS} {str(fields.get('model'))[:64]!r}", where)
            return None
        self._own = True
        row = row_of(fields)
        if isinstance(row, str):
            self.skipped.add(f"broken: {row}", where)
        elif self._columns is not None and set(row.inputs) != self._columns:
            self.skipped.add("of another contract: other inputs than the version's", where)
        else:
            return row
        return None


def fields_of(line: bytes | dict[str, Any]) -> dict[str, Any] | str:
    """The fields of a line of a log; or why it is none, which is empty for an empty line."""
    if isinstance(line, bytes):
        if not line.strip():
            return ""
        try:
            fields = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return "broken" if line.endswith(b"\n") else "broken, cut off"
    else:
        fields = line
    if not isinstance(fields, dict) or "log" not in fields:
        return "of no log"
    if fields["log"] != FORMAT or isinstance(fields["log"], bool):
        return f"of format {str(fields['log'])[:20]!r}, not {FORMAT}"
    return fields


def row_of(fields: dict[str, Any]) -> LiveRow | str:
    """The answer; or what is wrong with it."""
    kinds = {"run": str, "seq": int, "time": str | datetime, "inputs": dict, "answer": dict, "warnings": list}
    for name, kind in kinds.items():
        if not isinstance(fields.get(name), kind) or isinstance(fields[name], bool):
            return f"field {name!r}"
    if not _is_count(fields["seq"]):
        return "field 'seq'"
    for name in ("version", "engine", "tag"):
        if not isinstance(fields.get(name), str | None):
            return f"field {name!r}"
    if fields.get("source") not in ("model", "fallback"):
        return "field 'source'"
    try:
        time = fields["time"] if isinstance(fields["time"], datetime) else datetime.fromisoformat(fields["time"])
        time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return "field 'time'"
    shadow = fields.get("shadow")
    given = None
    if isinstance(shadow, dict) and isinstance(shadow.get("version"), str):
        answer = shadow.get("answer")
        given = Shadow(sys.intern(shadow["version"]), _shared(answer) if isinstance(answer, dict) else None)
    return LiveRow(
        id=f"{fields['run']}-{fields['seq']}",
        run=sys.intern(fields["run"]),
        seq=fields["seq"],
        time=time,
        version=_word(fields.get("version")),
        engine=_word(fields.get("engine")),
        fallback=fields["source"] == "fallback",
        tag=fields.get("tag"),
        about=fields["about"] if isinstance(fields.get("about"), dict) else {},
        inputs=_shared(fields["inputs"]),
        answer=_shared(fields["answer"]),
        warnings=tuple(sys.intern(str(text)) for text in fields["warnings"]),
        shadow=given,
    )


def _shared(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with names that all rows share: a million rows hold them once."""
    return {sys.intern(name): value for name, value in fields.items()}


def _is_count(value: Any) -> bool:
    """Whether it is a number as the runtime counts answers."""
    return type(value) is int and 0 <= value < 1 << 64


def _word(value: Any) -> str | None:
    return sys.intern(value) if isinstance(value, str) else None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
