"""A week of a model that is replaced while it serves: what is better gets in, what is worse or not intact does not.

    python -m examples.a_week                 five minutes, in a folder of its own
    python -m examples.a_week --short         fewer trades, for tests

Needs `make` (or `cargo build --release --features cli` in `runtime/`) and the extra `sign`. Every step runs the real
commands; `week.log` in the folder has what they said. The trades are simulated signals with an invented outcome: edge
and time to expiry count together only, which a forest finds and a straight line does not.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from examples.a_week.challengers import monday, thursday, tuesday, wednesday
from examples.a_week.drift_and_back import saturday, sunday
from examples.a_week.intruders import friday
from examples.a_week.market import trades
from examples.a_week.week import Week, set_up
from train.core import cli
from train.core.errors import PipelineError

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "runtime/target/release/dollarbill-ml"
SEED = 7


def play(week: Week) -> Week:
    """The whole week; `wrong` is empty where everything came as it should."""
    frame = trades(week.many + week.asked, seed=SEED)
    set_up(week)
    server = monday(week, frame)
    try:
        champion = week.in_use()
        tuesday(week, frame, server)
        wednesday(week, frame)
        thursday(week, frame, server)
        friday(week, frame, server)
        saturday(week, frame, server)
        sunday(week, frame, server, champion)
    finally:
        server.close()
    return week


def main(arguments: Sequence[str]) -> int:
    """Play the week and print the table."""
    command = argparse.ArgumentParser(
        prog="python -m examples.a_week", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--short", action="store_true", help="fewer trades")
    command.add_argument(
        "--folder", type=Path, metavar="DIR", help="default: a new one in the system's temporary folder"
    )
    command.add_argument("--binary", type=Path, default=BINARY, metavar="FILE", help="dollarbill-ml")
    options = command.parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="a_week_"))
    folder.mkdir(parents=True, exist_ok=True)
    if not options.binary.is_file():
        raise PipelineError(
            f"{options.binary}: not there; run `make`, or `cargo build --release --features cli` in runtime/"
        )
    few, many, asked = (500, 2000, 400) if options.short else (1500, 8000, 1500)
    began = time.monotonic()
    week = play(Week(folder, options.binary, few, many, asked))
    shown = Table(title=f"A week, in {time.monotonic() - began:.0f} seconds", title_justify="left")
    for heading in ("day", "what", "what came of it"):
        shown.add_column(heading, overflow="fold")
    for row in week.rows:
        shown.add_row(*row)
    cli.result(shown)
    cli.show(f"{folder}: what every command said is in week.log, the drift report is drift.html")
    return cli.EXIT_GOOD if not week.wrong else cli.EXIT_NOT_IN_PARITY


if __name__ == "__main__":
    cli.run(main)
