"""A chain file -> a header, records of text cells, and the fields that hold for all quotes.

Tables, JSON documents (Cboe, Deribit, Tradier, Polygon, the engine's), and tables with calls and puts side by side.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.core.chains.columns import NAMES, short
from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.table import Table
from train.core.tables.unpacked import DAMAGED, packing, unpacked

NOT_A_CHAIN = "not an option chain"
"""How the refusal of another kind of file begins."""
MOST_JSON = 48 << 20
"""Bytes of a JSON document, which is held in memory."""
_LINES = (".jsonl", ".ndjson")
"""A JSON document a line."""
_LOOKED_AT = 200
"""Rows of a JSON document that tell which fields there are."""
_PREAMBLE = 5
"""Lines above the header at most."""
_THINKORSWIM = "Stock quote and option quote for"
_MANY_TABLES = (
    "thinkorswim's export is a table for each expiry, with the expiry above it; make it one table with the columns "
    "expiry, strike, type, bid and ask"
)
_LISTS = (("data", "options"), ("options", "option"), ("options",), ("results",), ("result",), ("data",))
_KNOWN = {name for names in NAMES.values() for name in names.split()}

Records = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class Document:
    """`records()` begins anew each time and gives line numbers and cells; `shared` holds for every quote."""

    path: Path
    header: list[str]
    records: Callable[[], Records]
    shared: dict[str, str] = field(default_factory=dict)
    utc_moment: bool = False
    by_comma: bool = True


def open_document(path: Path, also: str | None = None) -> Document:
    """Look at the beginning of a file; `also` is the short name of one more column to keep of a JSON document.

    Raises:
        PipelineError: it cannot be read, or is no chain (the message begins with `NOT_A_CHAIN`).
    """
    if is_json(path):
        return _json(path, also)
    table = Table(path)
    lines: list[str] = []
    for number, (_, cells) in enumerate(table.records()):
        if _is_header(cells):
            return _table(table, cells, number, lines)
        if number >= _PREAMBLE:
            break
        lines.append(", ".join(cells))
    if any(line.startswith(_THINKORSWIM) for line in lines):
        raise PipelineError(f"{path}: {NOT_A_CHAIN}: {_MANY_TABLES}")
    raise _no_chain(path)


def is_json(path: Path) -> bool:
    """Whether the name says JSON."""
    return path.name.lower().removesuffix(".gz").removesuffix(".zst").endswith((".json", *_LINES))


def _no_chain(path: Path) -> PipelineError:
    return PipelineError(
        f"{path}: {NOT_A_CHAIN}: expected quotes with a strike, a side, an expiry as a date (or a contract's symbol) "
        "and a bid and ask, a price or an implied volatility"
    )


def _is_header(cells: list[str]) -> bool:
    names = {short(cell) for cell in cells}
    plain = {name[1:] if re.match(r"[cp](bid|ask|iv|last)$", name) else name for name in names}

    def has(*meanings: str) -> bool:
        return any(name in plain for meaning in meanings for name in NAMES[meaning].split())

    return has("bid", "mark", "last", "iv") and ((has("strike") and has("expiry")) or has("contract"))


def _table(table: Table, header: list[str], above: int, lines: list[str]) -> Document:
    shared: dict[str, str] = {}
    text = "\n".join(lines)
    if price := re.search(r"Last:\s*\$?([0-9.,]+)", text):
        shared["spot"] = price[1].rstrip(".,").replace(",", "")
    if day := re.search(r"([A-Z][a-z]{2,8} [0-9]{1,2},? [0-9]{4})", text):
        shared["day"] = day[1]
    names = [short(name) for name in header]
    blocks = _side_by_side(names)

    def plain() -> Records:
        for line, cells in itertools.islice(table.records(), above + 1, None):
            if len(cells) == len(header) + 1 and not cells[-1]:
                cells = cells[:-1]
            if len(cells) != len(header):
                raise PipelineError(
                    f"{table.path}: row {line}: has {len(cells)} fields, the header has {len(header)}; "
                    "is the file cut short?"
                )
            yield line, cells

    if blocks is None:
        return Document(table.path, header, plain, shared, by_comma=table.delimiter == ",")
    common, wanted, places = blocks

    def halves() -> Records:
        for line, cells in plain():
            for side, at in places.items():
                yield line, [*(cells[i] for i in common), *(cells[i] if i >= 0 else "" for i in at), side]

    return Document(
        table.path, [*(header[i] for i in common), *wanted, "side"], halves, shared, by_comma=table.delimiter == ","
    )


def _side_by_side(names: list[str]) -> tuple[list[int], list[str], dict[str, list[int]]] | None:
    """Places of the common columns, names of the others, and their places by side."""
    if "calls" in names and "puts" in names and "strike" in names:
        calls, puts, strike = (names.index(name) for name in ("calls", "puts", "strike"))
        if calls < strike < puts:
            left, right = list(range(calls, strike)), list(range(puts, len(names)))
            wanted = ["contractsymbol", *names[calls + 1 : strike]]
            return [*range(calls), strike], wanted, {"C": left, "P": right[: len(left)]}
    pairs = {name[1:] for name in names if name[:1] == "c" and name[1:] in _KNOWN and "p" + name[1:] in names}
    if "bid" not in pairs and "iv" not in pairs:
        return None
    wanted = sorted(pairs)
    common = [i for i, name in enumerate(names) if not (name[:1] in "cp" and name[1:] in pairs)]
    return common, wanted, {side: [names.index(side.lower() + name) for name in wanted] for side in "CP"}


def _json(path: Path, also: str | None) -> Document:
    document = _parsed(path)
    cboe = isinstance(document, dict) and isinstance(document.get("data"), dict) and "options" in document["data"]
    rows, parents = _find_rows(document)
    rows[:] = [row for row in rows if isinstance(row, dict)]
    if not rows:
        raise _no_chain(path)
    shared: dict[str, str] = {}
    for parent in parents:
        shared |= {key: _text(value) for key, value in parent.items() if not isinstance(value, (dict, list))}
    keys = dict.fromkeys(key for row in rows[:_LOOKED_AT] for key in _flatten(row))
    header = [key for key in keys if short(key) in _KNOWN or short(key) == also]
    if not _is_header([*header, *shared]) and not _is_header([*header, *shared, "contractSymbol"]):
        raise _no_chain(path)
    for at, row in enumerate(rows):
        # In its own place, so that the document is not in memory twice.
        flat = _flatten(row)
        rows[at] = [flat.get(key, "") for key in header]

    def records() -> Records:
        return enumerate(rows, start=1)

    named: dict[str, str] = {}
    for meaning in ("spot", "expiry", "day", "moment", "underlying"):
        for name in NAMES[meaning].split():
            value = next((text for key, text in shared.items() if short(key) == name), "")
            if value and meaning not in named:
                named[meaning] = value
    return Document(path, header, records, named, utc_moment=cboe)


def _parsed(path: Path) -> Any:
    with explain_os_errors(path, "read"), path.open("rb") as file:
        how = packing(path)
        try:
            data = unpacked(file, how).read(MOST_JSON + 1)
        except DAMAGED as error:
            raise PipelineError(f"{path}: the {how} data is cut short or damaged; fetch the file again") from error
    if len(data) > MOST_JSON:
        raise PipelineError(f"{path}: more than {MOST_JSON} bytes of JSON; split the file, or convert it to CSV")
    try:
        if path.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(_LINES):
            return [json.loads(line) for line in data.split(b"\n") if line.strip()]
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{path}: not JSON: {' '.join(str(error).split())}") from error


def _find_rows(document: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    if isinstance(document, list):
        return document, []
    for way in _LISTS:
        node, parents = document, []
        for key in way:
            if not isinstance(node, dict) or key not in node:
                break
            parents.append(node)
            node = node[key]
        else:
            if isinstance(node, list) and node:
                return node, parents
    if isinstance(document, dict) and isinstance(document.get("callExpDateMap"), dict):
        return _by_expiry(document), [document]
    if isinstance(document, dict) and isinstance(document.get("calls"), list):
        rows = [{"side": side[0], **row} for side in ("calls", "puts") for row in document.get(side) or []]
        return rows, [document]
    return [], []


def _by_expiry(document: dict[str, Any]) -> list[Any]:
    """Schwab's: a map of expiries, in it of strikes, of quotes whose `volatility` is the implied one."""
    found: list[Any] = []
    for half in ("callExpDateMap", "putExpDateMap"):
        strikes = document.get(half)
        for by_strike in strikes.values() if isinstance(strikes, dict) else ():
            for quotes in by_strike.values() if isinstance(by_strike, dict) else ():
                rows = quotes if isinstance(quotes, list) else ()
                found += [{**row, "impliedVolatility": row.get("volatility")} for row in rows if isinstance(row, dict)]
    return found


def _flatten(row: dict[str, Any], prefix: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            out |= _flatten(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            out[prefix + key] = _text(value)
    return out


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)
