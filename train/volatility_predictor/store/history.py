"""The history store of `runtime/src/store/history.rs` from Python: the same file, the same table, the same refusals."""

import contextlib
import datetime as dt
import math
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from train.core import cli
from train.core.errors import PipelineError
from train.volatility_predictor.contract import DAILY_FEATURES, DAILY_NAMES
from train.volatility_predictor.store.observe import FoundDay, Reading, changes, find_days
from train.volatility_predictor.surfaces.file_name import checked_symbol
from train.volatility_predictor.surfaces.surface_days import COPY_QUOTES, SurfaceHistory

DEFAULT_STORE = Path("data/vol_history.sqlite")
APPLICATION = 0x4442_5648
SCHEMA = 1
"""Raised with every change of the table, which then needs a migration in both languages."""
PATIENCE = 10.0
"""Seconds that a writer waits for another one."""
_TABLE = f"""CREATE TABLE day (symbol TEXT NOT NULL, date TEXT NOT NULL, {DAILY_NAMES[0]} REAL NOT NULL,
{", ".join(f"{name} REAL" for name in DAILY_NAMES[1:])}, PRIMARY KEY (symbol, date)) WITHOUT ROWID"""


class HistoryStore:
    """A SQLite file that remembers each observed day; a context manager.

    Write-ahead log with full synchronisation: an accepted day survives a crash, and other processes may read and write.
    In a folder that may not be written the store can be read, without the days that stand in its log alone (a warning).
    """

    def __init__(self, path: Path) -> None:
        """Open the store, creating the file and its table when absent.

        Raises:
            PipelineError: it cannot be opened, is locked, is no history store, or was written by a newer version.
        """
        self.path = path
        with self._explained():
            self._connection = _connected(path)
        try:
            with self._explained():
                self._prepare_patiently()
                # Pages cut off the end would read as days that never were.
                sound = str(self._connection.execute("PRAGMA quick_check(1)").fetchone()[0])
                if sound != "ok":
                    raise PipelineError(f"history store {path}: is damaged ({sound}); restore it from a copy")
                self._connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> "HistoryStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def observe(
        self,
        path: Path,
        date: dt.date | None = None,
        *,
        reading: Reading | None = None,
        no_replace: bool = False,
    ) -> tuple[list[FoundDay], list[str], list[str]]:
        """Store the days of a file or folder (`store.observe.find_days`) in one transaction: all of them or none.

        The same symbol and date again replaces what was there, unless `no_replace` makes other values an error.

        Returns:
            The days stored, a line for each that was left out, and notes, the last of them on what was replaced.

        Raises:
            PipelineError: as `find_days`; a date is no trading day, before 1970 or in the future; the store
                cannot be written.
        """
        reading = reading or Reading()
        found, skipped, notes = find_days(path, date, reading)
        for day in found:
            if reason := reading.calendar.no_trading_day(day.date):
                raise PipelineError(f"history store {self.path}: date {day.date} {reason}; nothing is stored")
        marks = ", ".join("?" * (2 + len(DAILY_FEATURES)))
        rows = [
            (day.symbol, str(day.date), *(None if math.isnan(value) else value for value in day.features))
            for day in found
        ]
        for drastic, line in changes(found, self._known(found)):
            if drastic and not reading.accept:
                raise PipelineError(
                    f"history store {self.path}: {line} If it is right, add --accept; nothing is stored"
                )
            notes.append(line)
        replaced = self._replaced(found)
        for symbol, dates in sorted(replaced.items()):
            if no_replace:
                raise PipelineError(
                    f"history store {self.path}: {len(dates)} day{'s' * (len(dates) > 1)} of {symbol} would be "
                    "replaced, the first is "
                    f"{dates[0]}; leave --no-replace out to replace them"
                )
            notes.append(f"{len(dates)} day{'s' * (len(dates) > 1)} of {symbol} replaced")
        with self._explained(), self._transaction():
            self._connection.executemany(f"INSERT OR REPLACE INTO day VALUES ({marks})", rows)
        return found, skipped, notes

    def _known(self, found: Sequence[FoundDay]) -> dict[str, dict[dt.date, tuple[float, ...]]]:
        """The days stored of the symbols found."""
        known: dict[str, dict[dt.date, tuple[float, ...]]] = {}
        for symbol in {day.symbol for day in found}:
            stored = self.days(symbol, sys.maxsize)
            rows = zip(stored.dates, stored.features.tolist(), strict=True)
            known[symbol] = {date: tuple(row) for date, row in rows if date is not None}
        return known

    def _replaced(self, found: Sequence[FoundDay]) -> dict[str, list[dt.date]]:
        """The days that the store holds with other values, by symbol."""
        replaced: dict[str, list[dt.date]] = {}
        known = self._known(found)
        for day in found:
            before = known[day.symbol].get(day.date)
            if before is not None and not np.array_equal(before, day.features, equal_nan=True):
                replaced.setdefault(day.symbol, []).append(day.date)
        return replaced

    def copies(self, found: Sequence[FoundDay]) -> list[str]:
        """A warning for each day that looks like the one stored before it to the last bit."""
        query = "SELECT * FROM day WHERE symbol = ? AND date < ? ORDER BY date DESC LIMIT 1"
        lines = []
        for day in found:
            with self._explained():
                before = self._connection.execute(query, (day.symbol, str(day.date))).fetchone()
            own = tuple(None if math.isnan(value) else value for value in day.features)
            if before is not None and before[2:] == own and day.features[-1] >= COPY_QUOTES:
                lines.append(f"{day.symbol}: {day.date} is a copy of {before[1]}; was the snapshot not renewed?")
        return lines

    def forget(self, symbol: str, date: dt.date) -> None:
        """Remove a day that was observed by mistake.

        Raises:
            PipelineError: there is no such day, or the store cannot be written.
        """
        symbol = checked_symbol(symbol)
        with self._explained():
            query = "DELETE FROM day WHERE symbol = ? AND date = ?"
            removed = self._connection.execute(query, (symbol, str(date))).rowcount
        if not removed:
            raise PipelineError(
                f"history store {self.path}: holds no {date} of {symbol}; `dollarbill-ml days` lists what it holds"
            )

    def days(self, symbol: str, limit: int) -> SurfaceHistory:
        """The last `limit` days of `symbol`, oldest first; none if it was never observed."""
        symbol = checked_symbol(symbol)
        query = "SELECT * FROM day WHERE symbol = ? ORDER BY date DESC LIMIT ?"
        with self._explained():
            rows = self._connection.execute(query, (symbol, limit)).fetchall()[::-1]
        table = [[math.nan if value is None else value for value in row[2:]] for row in rows]
        features = np.array(table, dtype=np.float64).reshape(-1, len(DAILY_FEATURES))
        return SurfaceHistory(symbol, tuple(dt.date.fromisoformat(row[1]) for row in rows), features, ())

    def symbols(self) -> list[str]:
        """The symbols of which it holds a day."""
        with self._explained():
            rows = self._connection.execute("SELECT DISTINCT symbol FROM day ORDER BY symbol").fetchall()
        return [str(row[0]) for row in rows]

    def _stamp(self) -> tuple[int, int]:
        names = ("application_id", "user_version")
        first, second = (int(self._connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
        return first, second

    def _prepare_patiently(self) -> None:
        """SQLite does not wait where waiting could be a deadlock: several set a new file's journal mode at once."""
        start = time.monotonic()
        while self._stamp() != (APPLICATION, SCHEMA):
            try:
                self._prepare()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
                if not busy or time.monotonic() - start > PATIENCE:
                    raise
                time.sleep(0.005)

    def _prepare(self) -> None:
        """Make an empty file a store; refuse what is not one, or is one of a newer version."""
        # Looked at before anything is set: the journal mode is written into the file, and a foreign one is not ours.
        with self._transaction("DEFERRED"):
            if self._is_store():
                return
        self._connection.execute("PRAGMA journal_mode = WAL")
        with self._transaction():
            if self._is_store():
                return  # another process was faster
            self._connection.execute(_TABLE)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _is_store(self) -> bool:
        """Whether the file is a store already, or empty; within a transaction, so that both reads see one state."""
        application, version = self._stamp()
        if (application, version) == (APPLICATION, SCHEMA):
            return True
        if application == APPLICATION and version > SCHEMA:
            raise PipelineError(
                f"history store {self.path}: was written by a newer version (schema {version}, this one knows "
                f"{SCHEMA}); update dollarbill-ml"
            )
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if (application, version) != (0, 0) or tables:
            raise PipelineError(
                f"history store {self.path}: is another program's database (id {application}, version {version}); "
                "name a different file"
            )
        return False

    @contextlib.contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            known = {
                "SQLITE_BUSY": "is locked by another process for more than ten seconds",
                "SQLITE_READONLY": "is read-only; make the file and its folder writable",
                "SQLITE_NOTADB": "is not a SQLite file",
                "SQLITE_CANTOPEN": "cannot be opened; is its folder there and writable?",
            }
            name = getattr(error, "sqlite_errorname", "") or ""
            reason = next((text for code, text in known.items() if name.startswith(code)), str(error))
            raise PipelineError(f"history store {self.path}: {reason}") from error


def _connected(path: Path) -> sqlite3.Connection:
    """The store; in a folder where its log cannot be made, as a file that nobody changes."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA application_id").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} or not path.exists():
            raise
    except BaseException:
        connection.close()
        raise
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        cli.show(
            f"warning: history store {path}: its folder is read-only; the newest days may be missing, those that stand "
            f"in {log} alone"
        )
    address = f"file:{quote(str(path), safe='/')}?immutable=1"
    return sqlite3.connect(address, timeout=PATIENCE, isolation_level=None, uri=True)
