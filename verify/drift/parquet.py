"""`python -m verify parquet LOG`: the finished files of a log as Parquet, for every reader of logs and other tools."""

import argparse
from pathlib import Path

from train.core import cli
from train.core.records.live_pack import finished_files, pack


def parquet_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify parquet`."""
    command = argparse.ArgumentParser(
        prog="python -m verify parquet",
        description="Write the finished files of a log (live.000001.ndjson, .gz, .zst) as Parquet beside them. What is "
        "written is read back and compared first; a file that is there is never written over. "
        "Exit codes: 0 good, 2 could not.",
    )
    command.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="the log's path, finished files, or folders")
    command.add_argument("--remove", action="store_true", help="remove each file whose rows lie in its Parquet file")
    return command


def run_parquet(options: argparse.Namespace) -> int:
    """Pack one file after the other; the first that cannot be ends it, and those before stay done."""
    for source in dict.fromkeys(file for path in options.logs for file in finished_files(path)):
        packed = pack(source)
        what = f"{packed.rows:,} rows" if packed.new else f"{packed.rows:,} rows, there already"
        cli.show(f"{packed.target}: {what}, {packed.target.stat().st_size:,} bytes of {source.stat().st_size:,}")
        for reason, count in packed.skipped.most_common():
            cli.show(f"warning: {source}: {count:,} lines left out: {reason}")
        if options.remove:
            source.unlink()
            cli.show(f"{source}: removed")
    return cli.EXIT_GOOD
