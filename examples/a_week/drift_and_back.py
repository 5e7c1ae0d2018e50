"""Saturday and Sunday: drift of what was logged, and the way back."""

from pathlib import Path

import pandas as pd

import export.__main__ as export_command
import verify.__main__ as verify_command
from examples.a_week.market import in_slow_time, outcomes_of, signals_of
from examples.a_week.week import Week
from examples.serving import Server
from train.signal_classifier.contract import SIGNAL_CLASSIFIER


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
