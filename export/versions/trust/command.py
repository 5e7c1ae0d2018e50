"""`python -m export check-signature`: any folder, or one file, against its signature."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from train.core import cli


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m export check-signature`."""
    command = argparse.ArgumentParser(
        prog="python -m export check-signature",
        description="Any folder, or one file, against its signature in the OpenSSF model-signing format.",
    )
    command.add_argument("path", type=Path, metavar="PATH", help="what was signed")
    command.add_argument("--signature", type=Path, required=True, metavar="FILE")
    command.add_argument(
        "--key", type=Path, action="append", required=True, metavar="PUBLIC.pem", help="trusted; again"
    )
    command.add_argument(
        "--revoked", type=Path, action="append", default=[], metavar="PUBLIC.pem", help="no more; again"
    )
    command.add_argument(
        "--ignore-unsigned-files", action="store_true", help="let pass what the signature does not name"
    )
    return command


def run(arguments: Sequence[str]) -> int:
    """Say who signed it; whatever is wrong with it is an error."""
    options = parser().parse_args(arguments)
    from export.versions.trust.folder import check_folder

    statement, key = check_folder(
        options.path,
        options.signature,
        keys=options.key,
        revoked=options.revoked,
        ignore_unsigned=options.ignore_unsigned_files,
    )
    cli.show(f"{statement.subject[0].name}: {len(statement.files)} files as signed by {key}")
    return cli.EXIT_GOOD
