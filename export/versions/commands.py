"""`python -m export list`, `compare`, `promote`, `rollback`, `prune`, `sign`, `keygen`: the versions of a model."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from train.config import DEFAULT_CONFIG, Config, default_config, load_config
from train.core import cli
from train.core.errors import PipelineError
from train.registry import model_named, models

DESCRIPTIONS = {
    "list": "The versions of a model: date, data, figures beside their baselines, parity, signer, state.",
    "compare": "Two versions of a model side by side.",
    "promote": "Put a proven version into use, if the gate lets it pass: not worse than the one in use on the newest "
    "data, better than the simple baselines, of the same contract, small and fast enough.",
    "rollback": "Put the version that was in use before back into use.",
    "prune": "Remove old versions; never the one in use, the one before it, or the candidate.",
    "sign": "Sign the version in use anew, for instance with a new key.",
    "repair": "Bring back a current.json that is missing or broken, from the steps: it names the newest again.",
    "keygen": "Make a pair of keys to sign versions with.",
}


def version_parser(command: str) -> argparse.ArgumentParser:
    """The command line of `python -m export <command>`."""
    parser = argparse.ArgumentParser(prog=f"python -m export {command}", description=DESCRIPTIONS[command])
    if command == "keygen":
        parser.add_argument("private", type=Path, metavar="PRIVATE.pem", help="kept outside of any repository")
        parser.add_argument("public", type=Path, metavar="PUBLIC.pem", help="goes into trust.keys of the config")
        parser.add_argument("--days", type=_count, metavar="N", help="the public key's last day is in N days")
        return parser
    nargs = "?" if command == "list" else None
    parser.add_argument("model", nargs=nargs, metavar="MODEL", help="a name, or the folder of a model of your own")
    if command == "compare":
        parser.add_argument("versions", nargs=2, metavar="VERSION")
    if command == "promote":
        parser.add_argument("version", nargs="?", metavar="VERSION", help="default: the candidate")
        parser.add_argument("--force", action="store_true", help="even if the gate refuses; needs --reason")
        parser.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
        command_live(parser)
    if command == "sign":
        parser.add_argument(
            "--first", action="store_true", help="sign what nobody signed before; needs --reason, and a proof of parity"
        )
    if command == "repair":
        parser.add_argument("--step", type=_count, metavar="N", help="the step to name; default: the newest")
    if command in ("promote", "rollback", "sign"):
        parser.add_argument("--reason", default="", metavar="TEXT", help="kept in the history")
        parser.add_argument("--key", type=Path, metavar="PRIVATE.pem", help="sign the step with this key")
    if command in ("promote", "rollback", "sign", "repair", "list"):
        parser.add_argument("--config", type=Path, metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
    if command == "prune":
        parser.add_argument("--keep", type=_count, required=True, metavar="N", help="how many of the newest stay")
    if command in ("list", "compare"):
        parser.add_argument("--json", action="store_true", help="as JSON on stdout")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    return parser


def command_live(parser: argparse.ArgumentParser) -> None:
    """Arguments for a gate that decides on live data, too."""
    says = "of the runtime, with this version in the shadow of the one in use: decides, too"
    parser.add_argument("--live", nargs="+", type=Path, metavar="LOG", help=f"logs {says}; needs --outcomes")
    parser.add_argument("--outcomes", nargs="+", type=Path, default=[], metavar="FILE", help="what came of the answers")


def run(command: str, arguments: Sequence[str]) -> int:
    """Do what `command` says; 1 where the gate refuses."""
    options = version_parser(command).parse_args(arguments)
    does: dict[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "compare": _compare,
        "promote": _promote,
        "rollback": _rollback,
        "prune": _prune,
        "sign": _sign,
        "repair": _repair,
        "keygen": _keygen,
    }
    return does[command](options)


def _list(options: argparse.Namespace) -> int:
    from export.artifact.version_folder import CURRENT, read_pointer
    from export.versions.listing import rows_of, table
    from export.versions.steps import step_numbers

    if options.model is None:
        folders = [options.artifacts / name for name in models() if (options.artifacts / name).is_dir()]
    else:
        folders = [_folder(options)[0]]
    if not folders:
        raise PipelineError(f"{options.artifacts}: no models here; run `python -m export` first")
    keys = _keys(options)
    every: list[dict[str, Any]] = []
    for folder in folders:
        rows = rows_of(folder, keys)
        every += rows
        if not options.json:
            cli.result(table(folder.resolve().name, rows))
        if read_pointer(folder, CURRENT) is None and step_numbers(folder):
            cli.show(
                f"warning: {folder / CURRENT}: is missing beside a step: the first promotion was broken off, or "
                f"the file was removed; `python -m export repair {folder.resolve().name}` brings it back"
            )
    if options.json:
        _print_json(every)
    return cli.EXIT_GOOD


def _compare(options: argparse.Namespace) -> int:
    from export.versions.listing import comparison

    shown, whole = comparison(_folder(options)[0], *options.versions)
    if options.json:
        _print_json(whole)
    else:
        cli.result(shown)
    return cli.EXIT_GOOD


def _promote(options: argparse.Namespace) -> int:
    from export.versions.finding import refused, table
    from export.versions.promotion import promote

    if options.force and not options.reason.strip():
        raise PipelineError('--force needs --reason "...", which the history keeps')
    folder, source = _folder(options)
    done = promote(
        folder,
        options.version,
        source=source,
        config=_config(options),
        why=options.reason,
        force=options.force,
        sign=_signer(options),
        live=_live(options),
    )
    if done.findings:
        cli.result(table(f"{folder.resolve().name} {done.version}: the gate", done.findings))
    if not done.passed:
        cli.show(f"refused: {', '.join(finding.check for finding in refused(done.findings))}; what was in use stays")
        return cli.EXIT_NOT_IN_PARITY
    forced = ", forced against the gate" if done.forced else ""
    state = "is in use already" if done.step is None else f"is in use now, step {done.step.number}{forced}"
    cli.show(f"{folder}: {done.version} {state}")
    return cli.EXIT_GOOD


def _live(options: argparse.Namespace) -> Any:
    if options.live is None:
        if options.outcomes:
            raise PipelineError("--outcomes goes with --live LOG")
        return None
    from export.versions.live import LiveData

    return LiveData(options.live, options.outcomes)


def _rollback(options: argparse.Namespace) -> int:
    from export.versions.promotion import require_signature
    from export.versions.switch import roll_back

    folder, _ = _folder(options)
    sign = _signer(options)
    require_signature(_config(options), sign)
    step = roll_back(folder, why=options.reason, sign=sign, check=None if sign is None else _check(options))
    cli.show(f"{folder}: {step.version} is in use again, {step.replaces} is not; step {step.number}")
    return cli.EXIT_GOOD


def _prune(options: argparse.Namespace) -> int:
    from export.versions.switch import prune

    folder, _ = _folder(options)
    removed = prune(folder, keep=options.keep)
    cli.show(f"{folder}: {', '.join(removed) if removed else 'nothing'} removed")
    return cli.EXIT_GOOD


def _sign(options: argparse.Namespace) -> int:
    from export.versions.switch import sign_again

    if options.key is None:
        raise PipelineError("--key PRIVATE.pem is missing; make one with `python -m export keygen`")
    if options.first and not options.reason.strip():
        raise PipelineError('--first needs --reason "...", which the history keeps')
    sign = _signer(options)
    folder, _ = _folder(options)
    step = sign_again(folder, why=options.reason, sign=sign, check=_first if options.first else _check(options))
    cli.show(f"{folder}: {step.version} is signed, step {step.number}")
    return cli.EXIT_GOOD


def _first(folder: Path, version: str, steps: Sequence[Any]) -> None:
    """Nobody vouches for the version yet: say what is signed; without a proof of parity it is not."""
    from export.artifact.manifest import read_manifest
    from export.versions.proof import proof_of

    proof = proof_of(folder / version, read_manifest(folder / version))
    if isinstance(proof, str):
        raise PipelineError(f"{folder / version}: {proof}; a first signature asks for its proof")
    last = f"step {steps[-1].number}, {steps[-1].event} by {steps[-1].who}" if steps else "no step"
    cli.show(f"{folder}: {version} ({last}) is signed for the first time, as it lies there")


def _repair(options: argparse.Namespace) -> int:
    from export.versions.switch import repair

    folder, _ = _folder(options)
    keys = _keys(options)
    step, written = repair(folder, number=options.step, check=_check(options) if keys.policy == "require" else None)
    what = "names" if written else "is sound, nothing to repair: it names"
    cli.show(f"{folder / 'current.json'}: {what} {step.version}, step {step.number}")
    return cli.EXIT_GOOD


def _keygen(options: argparse.Namespace) -> int:
    from export.versions.signing import keygen

    fingerprint = keygen(options.private, options.public, days=options.days)
    cli.show(f"{options.private}: private, keep it; {options.public}: public, fingerprint {fingerprint}")
    return cli.EXIT_GOOD


def _signer(options: argparse.Namespace) -> Any:
    if options.key is None:
        return None
    from export.versions.trust.chain import checked_signer

    return checked_signer(_keys(options))


def _check(options: argparse.Namespace) -> Any:
    """What is signed anew must be as it was signed before, and so must the step that it follows."""
    from export.versions.trust.chain import require_as_signed, require_signed_step

    keys = _keys(options)

    def check(folder: Path, version: str, steps: list[Any]) -> None:
        require_signed_step(folder, steps, keys)
        require_as_signed(folder, version, steps, keys)

    return check


def _keys(options: argparse.Namespace) -> Any:
    from export.versions.trust.chain import keys_of

    return keys_of(_config(options), options.config, getattr(options, "key", None))


def _config(options: argparse.Namespace) -> Config:
    return default_config() if options.config is None else load_config(options.config)


def _folder(options: argparse.Namespace) -> tuple[Path, Path | None]:
    """The model's folder, and where training left its window; None for a model that is not of this house."""
    name: str = options.model
    if name in models():
        source = getattr(options, "source", None)
        return options.artifacts / name, None if source is None else source / name
    if "/" not in name and not Path(name).is_dir():
        model_named(name)  # names those that there are
    if not Path(name).is_dir():
        raise PipelineError(f"{name}: no such folder; export the model to it first")
    return Path(name), None


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def _count(text: str) -> int:
    """A whole number from 0 up."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 up, found {text!r}")
    return number
