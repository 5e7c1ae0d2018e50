"""`python -m train.volatility_predictor.store`: snapshots into the history store, as `dollarbill-ml observe` does."""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from train.core import cli
from train.core.files import explain_os_errors
from train.core.tables.calendar import CALENDARS, calendar_name, configured_calendar
from train.volatility_predictor.store.history import DEFAULT_STORE, HistoryStore
from train.volatility_predictor.store.observe import Reading
from train.volatility_predictor.surfaces.file_name import day_argument


def main(arguments: Sequence[str]) -> int:
    """Observe a file or a folder."""
    command = argparse.ArgumentParser(
        prog="python -m train.volatility_predictor.store",
        description="Keep surface snapshots in the history store, as `dollarbill-ml observe` does.",
        epilog="examples:\n  python -m train.volatility_predictor.store data/tsla_vol_surface.csv --date 2026-03-06\n"
        "  python -m train.volatility_predictor.store snapshots/     every dated file of a folder, or nothing of it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("surface", type=Path, help="a snapshot, a file with dates, or a folder of them")
    command.add_argument("--date", metavar="YYYY-MM-DD", help="the day of a snapshot (default: in its rows or name)")
    command.add_argument("--store", type=Path, default=DEFAULT_STORE, metavar="FILE", help=f"default: {DEFAULT_STORE}")
    command.add_argument("--symbol", help="the one to keep of a file that holds several")
    command.add_argument("--accept", action="store_true", help="keep what is not plausible and say so")
    command.add_argument("--no-replace", action="store_true", help="refuse to replace a day by other values")
    command.add_argument("--calendar", type=calendar_name, help=f"trading days: {CALENDARS} (default: the config's)")
    options = command.parse_args(arguments)
    date = None if options.date is None else day_argument(options.date)
    with explain_os_errors(options.store.parent, "write"):
        options.store.parent.mkdir(parents=True, exist_ok=True)
    with HistoryStore(options.store) as store:
        reading = Reading(options.symbol, options.accept, configured_calendar(options.calendar))
        found, skipped, notes = store.observe(options.surface, date, reading=reading, no_replace=options.no_replace)
        for line in skipped:
            cli.show(f"skipped: {line}")
        for line in notes:
            cli.show(f"note: {line}")
        for line in store.copies(found):
            cli.show(f"warning: {line}")
        for symbol, days in groupby(sorted(found, key=lambda day: (day.symbol, day.date)), lambda day: day.symbol):
            dates = [day.date for day in days]
            what = str(dates[0]) if len(dates) == 1 else f"{len(dates)} days from {dates[0]} to {dates[-1]}"
            known = len(store.days(symbol, sys.maxsize).dates)
            cli.show(f"{symbol} {what} kept in {options.store}; {known} days known")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
