"""The folder of a week, its commands, and what came of them."""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import export.__main__ as export_command
import train.__main__ as train_command
from export.versions.signing import keygen
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import json_bytes, write_atomic
from train.signal_classifier.contract import SIGNAL_CLASSIFIER


@dataclass
class Week:
    """The folder, how many trades there are, and what happened so far."""

    folder: Path
    binary: Path
    few: int
    many: int
    asked: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The config of the house."""
        return self.folder / "config/ml_config.json"

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "artifacts" / SIGNAL_CLASSIFIER

    @property
    def log(self) -> Path:
        """What the server logs."""
        return self.folder / "data/live.ndjson"

    def in_use(self) -> str:
        """The version in use."""
        return str(json.loads((self.model / "current.json").read_text())["version"])

    def candidate(self) -> str:
        """The version that was exported last."""
        return str(json.loads((self.model / "candidate.json").read_text())["version"])

    def note(self, day: str, what: str, came: str, *, good: bool) -> None:
        """A row of the table; what should not be is remembered."""
        self.rows.append((day, what, came if good else f"WRONG: {came}"))
        cli.show(f"{day}: {what}: {self.rows[-1][2]}")
        if not good:
            self.wrong.append(f"{day}: {what}: {came}")

    def call(self, main: Callable[[Sequence[str]], int], *arguments: object) -> tuple[int, str]:
        """A command as on the command line: exit code, and all that it said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = main([str(one) for one in arguments])
            except PipelineError as error:
                code = cli.fail(str(error))
            except SystemExit as ended:
                code = int(ended.code or 0)
        with (self.folder / "week.log").open("a") as log:
            log.write(f"$ {main.__module__} {' '.join(map(str, arguments))}\n{said.getvalue()}[exit {code}]\n\n")
        return code, said.getvalue()


def set_up(week: Week) -> None:
    """Keys, and a config that asks for signed versions and logs."""
    for name in ("weekly", "stranger"):
        keygen(week.folder / f"private/{name}.pem", week.folder / f"keys/{name}.pub.pem")
    week.config.parent.mkdir(parents=True, exist_ok=True)
    config = {
        "models": {SIGNAL_CLASSIFIER: {"model_path": f"artifacts/{SIGNAL_CLASSIFIER}"}},
        "ml_integration": {"fallback_to_traditional": False},
        "runtime": {"engine": "native", "log": {"path": "data/live.ndjson"}},
        "trust": {"policy": "require", "keys": ["keys/weekly.pub.pem"], "counter": "data/steps"},
        # A week has few trades: of a version that is two percent worse nobody could tell.
        "gate": {"margin": 0.05, "latency_ratio": 20.0},
    }
    write_atomic(week.config, json_bytes(config))


def train_and_prove(week: Week, data: Path) -> str:
    """A proven candidate that has not met the gate: its version."""
    source = week.folder / "models"
    code, said = week.call(
        train_command.main, SIGNAL_CLASSIFIER, "--data", data, "--out", source, "--config", week.config
    )
    if code == 0:
        artifacts = week.folder / "artifacts"
        code, said = week.call(export_command.main, SIGNAL_CLASSIFIER, "--from", source, "--out", artifacts)
    if code != 0:
        raise PipelineError(f"{data}: {said.splitlines()[-1]}")
    from verify.check.check_model import check_model
    from verify.check.promote import write_proof

    checked = check_model(week.model, source=source / SIGNAL_CLASSIFIER, runtimes=("python",), rows=2000, seed=0)
    write_proof(checked.folder, checked.totals(), tolerance=checked.tolerance, proof=checked.proof)
    return week.candidate()


def promote(week: Week, *more: object) -> tuple[int, str]:
    """The candidate, through the gate, signed."""
    return week.call(
        export_command.main, "promote", SIGNAL_CLASSIFIER, "--artifacts", week.folder / "artifacts",
        "--from", week.folder / "models", "--config", week.config, "--key", week.folder / "private/weekly.pem", *more,
    )  # fmt: skip
