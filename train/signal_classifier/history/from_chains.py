"""`python -m train.history_from_chains`: a folder of dated option chains -> a trading history to train from."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from train.core import cli
from train.core.chains.chain import Chain, read_chain
from train.core.chains.day import ChainDay
from train.core.chains.documents import NOT_A_CHAIN
from train.core.chains.quotes import day_in_name
from train.core.errors import PipelineError
from train.core.files import explain_os_errors, write_in_parts
from train.core.tables.calendar import CALENDARS, Calendar, calendar_name, configured_calendar
from train.signal_classifier.history.chain_trades import LAST_DAY, Terms, signals_of, trades_of
from train.signal_classifier.history.model_surface import ModelSurface, surface_of

PROGRAM = "python -m train.history_from_chains"
EPILOG = """\
examples:
  {program} chains -o trades.csv                     one file a day: spy_2024-01-05.csv, ...
  {program} optionmetrics.csv -o trades.csv          one file of many days
  {program} chains -o trades.csv --model-iv my_iv    the model's volatility is a column of the files

Each tradeable quote of a day that is quoted the next trading day, too, becomes one trade: bought where the model's
price is above the middle, sold where it is below, hedged with its delta in the spot over night, and marked at the next
day's middle. Columns: timestamp, closed (when the outcome was known), symbol, contract, the eight features, pnl ($).
Without --model-iv the model is the surface of the day before. Formats and rules: docs/option_chains.md.
Next: python -m train (with --data trades.csv). Exit codes: 0 good, 2 could not.
"""
_PACKED = [end + packed for end in (".csv", ".json", ".tsv", ".txt") for packed in ("", ".gz", ".zst")]
_ENDS = (*_PACKED, ".parquet")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog=PROGRAM,
        description=__doc__,
        epilog=EPILOG.format(program=PROGRAM),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("chains", type=Path, metavar="DIR", help="a folder of chain files, or one file of many days")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="the history to write")
    command.add_argument("--model-iv", metavar="COLUMN", help="default: the surface of the day before")
    command.add_argument("--symbol", help="the one to read of files with several")
    command.add_argument("--cost", type=float, default=1.0, help="paid at entry, in half spreads (default: 1)")
    command.add_argument("--multiplier", type=float, default=100.0, help="units a contract (default: 100)")
    command.add_argument("--rate", type=float, default=0.0, help="a year, where a chain tells no discount (default: 0)")
    command.add_argument("--calendar", type=calendar_name, help=f"trading days: {CALENDARS} (default: the config's)")
    command.add_argument("--accept", action="store_true", help="use what is drastic and say so")
    return command


def main(arguments: Sequence[str]) -> int:
    """Make the history and say what was left out of it."""
    options = parser().parse_args(arguments)
    if not (options.cost >= 0.0 and options.multiplier > 0.0 and abs(options.rate) < 1.0):
        raise PipelineError("--cost must not be negative, --multiplier greater than zero, --rate a decimal below 1")
    terms = Terms(options.cost, options.multiplier, options.model_iv is not None)
    paths = list(_files(options.chains))
    calendar = configured_calendar(options.calendar)
    with write_in_parts(options.out) as stream:
        making = _Making(terms, stream)
        for number, path in enumerate(paths, start=1):
            chain = _chain(path, options, calendar, alone=len(paths) == 1)
            if chain is None:
                continue
            days = making.add(chain)
            for line in chain.said():
                cli.show(f"{path.name}: {line}")
            done = f"{number} of {len(paths)}: {path.name}: {chain.symbol}, {days} day{'s' * (days != 1)}"
            cli.show(f"{done}, {making.rows:,} trades so far")
        making.finish(options.chains)
    for reason, count in making.left_out.most_common():
        cli.show(f"left out: {count:,} quotes {reason}")
    cli.show(f"{making.rows:,} trades, {making.won / making.rows:.1%} profitable -> {options.out}")
    return cli.EXIT_GOOD


def _chain(path: Path, options: argparse.Namespace, calendar: Calendar, *, alone: bool) -> Chain | None:
    """The chain in a file; None where a folder's file is another kind of file, which is said."""
    try:
        return read_chain(
            path,
            symbol=options.symbol,
            rate=options.rate,
            accept=options.accept,
            model_iv=options.model_iv,
            calendar=calendar,
        )
    except PipelineError as error:
        if alone or NOT_A_CHAIN not in str(error):
            raise
        cli.show(f"left out: {path.name}: {NOT_A_CHAIN}")
        return None


def _files(place: Path) -> Iterator[Path]:
    """The files of a folder in the order of the days in their names."""
    if not place.is_dir():
        yield place
        return
    with explain_os_errors(place, "read"):
        names = [p for p in place.iterdir() if p.is_file() and p.name.lower().endswith(_ENDS) and p.name[0] != "."]
    if not names:
        raise PipelineError(f"{place}: a folder without a chain file ({', '.join(_ENDS)})")
    yield from sorted(names, key=lambda path: (str(day_in_name(path) or ""), path.name))


class _Making:
    """What is known of each symbol while the days pass by."""

    def __init__(self, terms: Terms, stream: BinaryIO) -> None:
        self._terms, self._stream = terms, stream
        self._before: dict[str, tuple[ChainDay, pd.DataFrame]] = {}
        self._surface: dict[str, ModelSurface] = {}
        self.left_out: Counter[str] = Counter()
        self.rows = self.won = 0

    def add(self, chain: Chain) -> int:
        """The days of one file; how many there were."""
        count = 0
        for count, day in enumerate(chain.days(), start=1):  # noqa: B007
            before = self._before.get(chain.symbol)
            if before is not None:
                self._trade(chain, before, day)
            signals = signals_of(day, self._surface.get(chain.symbol), self._terms, self.left_out)
            self._before[chain.symbol] = day, signals
            surface = surface_of(day)
            if surface is not None:
                self._surface[chain.symbol] = surface
        return count

    def _trade(self, chain: Chain, before: tuple[ChainDay, pd.DataFrame], day: ChainDay) -> None:
        if day.date <= before[0].date:
            raise PipelineError(
                f"{chain.path}: {day.date} of {chain.symbol} comes after {before[0].date}; put each day into one file "
                "and its date into the file's name (spy_2024-03-04.csv), so that their order is known"
            )
        part = trades_of(before[1], chain.symbol, before[0], day, self._terms, self.left_out)
        if len(part):
            self._stream.write(part.to_csv(index=False, header=self.rows == 0, lineterminator="\n").encode())
        self.rows += len(part)
        self.won += int((part["pnl"] > 0.0).sum())

    def finish(self, place: Path) -> None:
        """Count the last day; a PipelineError where there was no trade."""
        for _, signals in self._before.values():
            if len(signals):
                self.left_out[LAST_DAY] += len(signals)
        if not self.rows:
            why = ", ".join(f"{count} quotes {reason}" for reason, count in self.left_out.most_common(3))
            raise PipelineError(f"{place}: no trade: {why or 'no day is usable'}; bring three days or more in a row")
