"""Monday to Thursday: a champion, a worse challenger, and a better one."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from examples.a_week.market import in_slow_time, outcomes_of, signals_of
from examples.a_week.week import Week, promote, train_and_prove
from examples.serving import Server
from train.core.errors import PipelineError
from train.core.files import json_bytes, write_atomic
from train.signal_classifier.contract import SIGNAL_CLASSIFIER


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


def tuesday(week: Week, frame: pd.DataFrame, server: Server) -> None:
    """New signals, answered and logged."""
    new = frame.iloc[week.many : week.many + 50]
    answers = [server.ask(signal) for signal in signals_of(new, tag="tuesday")]
    by_model = sum(answer.get("source") == "model" for answer in answers)
    week.note("Tue", "new signals", f"{by_model} answered and logged", good=by_model == len(answers))


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
