"""The history store of `runtime/src/history.rs` from Python: the same file, the same table, the same refusals."""

import contextlib
import datetime as dt
import math
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from train.contract import DAILY_FEATURES, DAILY_NAMES
from train.errors import PipelineError
from train.surfaces import SurfaceHistory, read_days

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
    """

    def __init__(self, path: Path) -> None:
        """Open the store, creating the file and its table when absent.

        Raises:
            PipelineError: it cannot be opened, is locked, is no history store, or was written by a newer version.
        """
        self.path = path
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            with self._explained():
                self._prepare_patiently()
                self._connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> "HistoryStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def observe(self, snapshot: Path, date: dt.date) -> None:
        """Store an undated snapshot's features under `date`; the same symbol and date again replaces them.

        Raises:
            PipelineError: the file is wrong, the date no trading day or in the future, or the store cannot be written.
        """
        limit = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)  # it is tomorrow somewhere already
        if date.weekday() >= 5 or date > limit:
            reason = "is a Saturday or Sunday, no trading day" if date.weekday() >= 5 else "lies in the future"
            raise PipelineError(f"history store {self.path}: date {date} {reason}; nothing is stored")
        self._write(read_days(snapshot, date=date))

    def import_file(self, path: Path) -> int:
        """Store every day of a dated file; returns how many."""
        history = read_days(path)
        if history.dates[0] is None:
            raise PipelineError(f"{path}: a snapshot without a date; observe it under one")
        self._write(history)
        return len(history.dates)

    def days(self, symbol: str, limit: int) -> SurfaceHistory:
        """The last `limit` days of `symbol`, oldest first; none if it was never observed."""
        query = "SELECT * FROM day WHERE symbol = ? ORDER BY date DESC LIMIT ?"
        with self._explained():
            rows = self._connection.execute(query, (symbol, limit)).fetchall()[::-1]
        table = [[math.nan if value is None else value for value in row[2:]] for row in rows]
        features = np.array(table, dtype=np.float64).reshape(-1, len(DAILY_FEATURES))
        return SurfaceHistory(symbol, tuple(dt.date.fromisoformat(row[1]) for row in rows), features, ())

    def _write(self, history: SurfaceHistory) -> None:
        marks = ", ".join("?" * (2 + len(DAILY_FEATURES)))
        rows = [
            (history.symbol, str(date), *(None if math.isnan(value) else value for value in features))
            for date, features in zip(history.dates, history.features.tolist(), strict=True)
        ]
        with self._explained(), self._transaction():
            self._connection.executemany(f"INSERT OR REPLACE INTO day VALUES ({marks})", rows)

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
            raise PipelineError(f"history store {self.path}: is another program's database; name a different file")
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
