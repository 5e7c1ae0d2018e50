"""A week of a model that is replaced while it serves: what is better gets in, what is worse or not intact does not.

    python -m examples.a_week                 five minutes, in a folder of its own
    python -m examples.a_week --short         fewer trades, for tests

Needs `make` (or `cargo build --release --features cli` in `runtime/`) and the extra `sign`. Every step runs the real
commands; `week.log` in the folder has what they said. The trades are simulated signals with an invented outcome: edge
and time to expiry count together only, which a forest finds and a straight line does not.
"""

import argparse
import contextlib
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

import export.__main__ as export_command
import train.__main__ as train_command
import verify.__main__ as verify_command
from examples.serving import Server
from export.artifact.manifest import MANIFEST_FILE, version_of
from export.versions.signing import keygen
from export.versions.steps import history, signature_path, step_path
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import json_bytes, write_atomic
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_FEATURES, SIGNAL_NAMES
from train.signal_classifier.simulator.market import simulate

ROOT = Path(__file__).resolve().parents[1]
BINARY = ROOT / "runtime/target/release/dollarbill-ml"
SEED = 7
FIRST_DAY = "2025-01-06"


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


def trades(rows: int, *, seed: int) -> pd.DataFrame:
    """Simulated signals, one an hour, with an invented outcome."""
    features = simulate(rows, seed=seed).features
    edge, days = features[:, 0], features[:, SIGNAL_NAMES.index("days_to_expiry")]
    alike = (edge > np.median(edge)) == (days > np.median(days))
    won = np.random.default_rng(seed).random(rows) < np.where(alike, 0.8, 0.2)
    frame = pd.DataFrame(features, columns=list(SIGNAL_NAMES)).round(6)
    whole = [column.name for column in SIGNAL_FEATURES if column.integer]
    frame = frame.astype(dict.fromkeys(whole, np.int64))
    frame.insert(0, "timestamp", pd.date_range(FIRST_DAY, periods=rows, freq="h"))
    return frame.assign(is_profitable=won.astype(int), closed=frame["timestamp"])


def signals_of(frame: pd.DataFrame, *, tag: str) -> list[dict[str, Any]]:
    """Signals as the server takes them."""
    rows = json.loads(frame[list(SIGNAL_NAMES)].to_json(orient="records"))
    return [row | {"tag": f"{tag} {number}"} for number, row in enumerate(rows)]


def outcomes_of(frame: pd.DataFrame, path: Path, *, tag: str) -> Path:
    """What came of the signals."""
    lines = [f"{tag} {number},{won}\n" for number, won in enumerate(frame["is_profitable"])]
    path.write_text("tag,is_profitable\n" + "".join(lines))
    return path


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


def monday(week: Week, frame: pd.DataFrame) -> Server:
    """The champion: few trades, the first promotion, decided by baselines; then it serves."""
    data = week.folder / "monday.csv"
    frame.head(week.few).to_csv(data, index=False)
    version = train_and_prove(week, data)
    code, said = promote(week, "--reason", "the first")
    week.note("Mon", "champion against the baselines", f"{version} in use, signed", good=code == 0)
    if code != 0:
        raise PipelineError(said)
    server = Server(week.binary, week.config, week.folder / "server.log")
    answer = server.ask(signals_of(frame.head(1), tag="hello")[0])
    served = f"served by {answer['model_version']}"
    week.note("Mon", "a Rust process serves it", served, good=answer["model_version"] == version)
    return server


def wednesday(week: Week, frame: pd.DataFrame) -> None:
    """A challenger from a feed that turned most older outcomes round: refused by the gate."""
    data = week.folder / "wednesday.csv"
    turned = frame.head(week.many).copy()
    older = np.arange(len(turned)) < 0.8 * len(turned)
    flip = older & (np.random.default_rng(1).random(len(turned)) < 0.7)
    turned.loc[flip, "is_profitable"] = 1 - turned.loc[flip, "is_profitable"]
    turned.to_csv(data, index=False)
    before, version = week.in_use(), train_and_prove(week, data)
    code, said = promote(week, "--reason", "weekly")
    why = next((line for line in said.splitlines() if line.startswith("refused: ")), said)[:90]
    week.note("Wed", f"worse challenger {version}", why, good=code == 1 and week.in_use() == before)


def thursday(week: Week, frame: pd.DataFrame, server: Server) -> None:
    """All trades: a better one. It answers in the shadow first, and gets in while the server never pauses."""
    data = week.folder / "thursday.csv"
    frame.head(week.many).to_csv(data, index=False)
    before, version = week.in_use(), train_and_prove(week, data)
    log, came = shadow_log(week, frame, before, version)
    with server.asking(signals_of(frame.head(200), tag="busy")) as busy:
        code, said = promote(week, "--reason", "weekly", "--live", log, "--outcomes", came)
        seen = server.wait_for(version) if code == 0 else False
    live = sum("live, " in line and "good" in line for line in said.splitlines())
    week.note("Thu", f"better challenger {version}, in the shadow", f"in use; {live} live checks good", good=code == 0)
    versions = [one["model_version"] for one in busy.answers]
    once = versions == sorted(versions, key=[before, version].index) and set(versions) == {before, version}
    gap = f"{len(versions):,} answers, all by the model, longest pause {busy.longest_pause * 1e3:.0f} ms"
    week.note("Thu", "meanwhile the process serves", gap, good=seen and once and not busy.errors)


def shadow_log(week: Week, frame: pd.DataFrame, champion: str, challenger: str) -> tuple[Path, Path]:
    """New signals answered by the champion with the challenger beside it, and what came of them.

    In a house without signatures: a candidate has none yet, and an engine that asks for them does not load it.
    """
    house = week.folder / "shadow"
    config = json.loads(week.config.read_text())
    config["trust"] = {"policy": "off"}
    config["models"][SIGNAL_CLASSIFIER] |= {"model_path": str(week.model), "shadow": challenger}
    write_atomic(house / "config/ml_config.json", json_bytes(config))
    new = frame.iloc[week.many : week.many + week.asked]
    with contextlib.closing(Server(week.binary, house / "config/ml_config.json", house / "server.log")) as server:
        for signal in signals_of(new, tag="new"):
            assert server.ask(signal)["model_version"] == champion
    return in_slow_time(house / "data/live.ndjson"), outcomes_of(new, house / "came.csv", tag="new")


def in_slow_time(log: Path) -> Path:
    """A log whose answers are an hour apart: a week is played in minutes, and those of one day share its luck."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    times = pd.date_range(FIRST_DAY, periods=len(lines), freq="h", tz="UTC")
    moved = [line | {"time": time.isoformat()} for line, time in zip(lines, times, strict=True)]
    path = log.with_name("slow.ndjson")
    path.write_text("".join(json.dumps(line) + "\n" for line in moved))
    return path


def friday(week: Week, frame: pd.DataFrame, server: Server) -> None:
    """A version that was tampered with and re-hashed, and one that a stranger signed: the server stays as it is."""
    good, pointer = week.in_use(), week.model / "current.json"
    kept = pointer.read_bytes()
    manifest = json.loads((week.model / good / MANIFEST_FILE).read_text())
    manifest["quality"] = []
    content = json_bytes(manifest)
    forged = week.model / version_of(content)
    shutil.copytree(week.model / good, forged)
    (forged / MANIFEST_FILE).write_bytes(content)
    write_atomic(pointer, json_bytes(json.loads(kept) | {"version": forged.name}))
    refused(week, frame, server, f"tampered and re-hashed {forged.name}", good)
    write_atomic(pointer, kept)
    shutil.rmtree(forged)
    code, _ = week.call(
        export_command.main, "sign", SIGNAL_CLASSIFIER, "--artifacts", week.folder / "artifacts",
        "--config", week.config, "--key", week.folder / "private/stranger.pem",
    )  # fmt: skip
    with contextlib.closing(Server(week.binary, week.config, week.folder / "stranger.log")) as other:
        answer = other.ask(signals_of(frame.head(1), tag="x")[0])
    said = (week.folder / "stranger.log").read_text().strip().splitlines()
    came = said[-1][-80:] if said and "error" in answer else str(answer)
    week.note(
        "Fri", "signed by a stranger, a new process", f"refused: ... {came}", good=code == 0 and "error" in answer
    )
    step = history(week.model)[-1].number
    write_atomic(pointer, kept)
    for left in (step_path(week.model, step), signature_path(week.model, step)):
        left.unlink()


def refused(week: Week, frame: pd.DataFrame, server: Server, what: str, good: str) -> None:
    """Whether the server says that it refuses, and goes on with the good version."""
    said = server.said_within("is refused, the old one stays", seconds=20)
    answer = server.ask(signals_of(frame.head(1), tag="still")[0])
    stays = answer.get("model_version") == good
    week.note(
        "Fri", what, "refused by the process, which goes on" if said and stays else str(answer), good=said and stays
    )


def saturday(week: Week, frame: pd.DataFrame, server: Server) -> None:
    """Drift: signals like those of training, and signals whose vega comes per point and not per 1.00."""
    server.restart()
    new = frame.iloc[week.many : week.many + week.asked]
    for signal in signals_of(new, tag="live"):
        server.ask(signal)
    server.close()
    drift = ("drift", "--artifacts", week.folder / "artifacts", "--config", week.config)
    came = outcomes_of(new, week.folder / "came.csv", tag="live")
    last = new_runs(week, since=week.asked)
    code, said = week.call(verify_command.main, *drift, last, "--outcomes", came, "--html", week.folder / "good.html")
    week.note(
        "Sat", f"drift of {week.asked} live answers", "nothing has moved" if code == 0 else said[-300:], good=code == 0
    )
    server.restart()
    for signal in signals_of(new.assign(vega=new["vega"] / 100), tag="shifted"):
        server.ask(signal)
    server.close()
    last = new_runs(week, since=week.asked)
    code, said = week.call(
        verify_command.main,
        *drift,
        last,
        "--html",
        week.folder / "drift.html",
        "--json",
        week.folder / "drift.json",
        "--picture",
        week.folder / "drift.svg",
    )
    moved = [line for line in said.splitlines() if line.startswith("moved: ")]
    named = any("input vega" in line for line in moved)
    week.note(
        "Sat",
        "drift of the same with vega per point",
        moved[0][7:90] if moved else said[-300:],
        good=code == 1 and named,
    )


def new_runs(week: Week, *, since: int) -> Path:
    """The newest answers of the log, as a log of their own."""
    lines = [line for line in week.log.read_text().splitlines(keepends=True) if '"seq":' in line]
    path = week.folder / "newest" / f"{len(lines)}.ndjson"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(lines[-since:]))
    return in_slow_time(path)


def sunday(week: Week, frame: pd.DataFrame, server: Server, champion: str) -> None:
    """Back to the champion, as a step of its own, signed; the server follows."""
    server.restart()
    with server.asking(signals_of(frame.head(200), tag="sunday")) as busy:
        code, said = week.call(
            export_command.main, "rollback", SIGNAL_CLASSIFIER, "--artifacts", week.folder / "artifacts",
            "--config", week.config, "--key", week.folder / "private/weekly.pem", "--reason", "vega feed",
        )  # fmt: skip
        seen = server.wait_for(champion) if code == 0 else False
    came = f"{champion} again, {len(busy.answers):,} answers meanwhile" if seen else said[-300:]
    week.note("Sun", "rollback, signed", came, good=seen and not busy.errors)


def play(week: Week) -> Week:
    """The whole week; `wrong` is empty where everything came as it should."""
    frame = trades(week.many + week.asked, seed=SEED)
    set_up(week)
    server = monday(week, frame)
    try:
        champion = week.in_use()
        new = frame.iloc[week.many : week.many + 50]
        answers = [server.ask(signal) for signal in signals_of(new, tag="tuesday")]
        by_model = sum(answer.get("source") == "model" for answer in answers)
        week.note("Tue", "new signals", f"{by_model} answered and logged", good=by_model == len(answers))
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
    sys.path.insert(0, str(ROOT))
    cli.run(main)
