"""A log with outcomes is a history like any other; days observed since are picked up; the gate decides on live data."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.versions.served import Served
from tests.support.live import signal_lines, write_log, write_outcomes
from tests.support.places import ROOT
from tests.support.verified import Ended, run_verify, signals
from tests.support.versions import Versions, build_versions, outcomes, run_export
from train.core.errors import PipelineError
from train.core.records.live_log import read_live_log
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_INPUT, SIGNAL_NAMES
from train.signal_classifier.training import load
from train.volatility_predictor.contract import DAILY_NAMES, VOLATILITY_PREDICTOR
from train.volatility_predictor.evaluation.gate_window import losses
from train.volatility_predictor.evaluation.live_days import live_window
from train.volatility_predictor.network.pool import SeriesFile, read_pool
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.store.kept_days import days_of_store

ROWS = 400
Call = Callable[..., Ended]


def silent(_: str) -> None:
    """Nothing is shown."""


def loaded(data, outcome_files=()):
    said: list[str] = []
    found = load(data, rows=0, random_state=0, show=said.append, outcomes=outcome_files)
    return found, said


def test_a_log_with_outcomes_is_the_history_that_the_same_trades_are(tmp_path):
    X = signals(ROWS, seed=3)
    won = outcomes(X, seed=4)
    lines = signal_lines(X, np.full(ROWS, 0.5), "0123456789ab")
    log = write_log(tmp_path / "live.ndjson", lines)
    known = range(0, ROWS, 2)
    found, said = loaded([log], [write_outcomes(tmp_path / "came.csv", won, rows=known)])
    table = tmp_path / "trades.csv"
    rows = [",".join([lines[i]["time"], *(repr(float(v)) for v in X[i]), str(won[i])]) for i in known]
    table.write_text("\n".join([",".join(["timestamp", *SIGNAL_NAMES, "is_profitable"]), *rows, ""]))
    same, _ = loaded([table])
    assert np.array_equal(found.features, same.features)
    assert np.array_equal(found.profitable, same.profitable)
    assert np.array_equal(found.times, same.times)
    assert f"{ROWS // 2:,} of {ROWS:,} answers have an outcome" in said
    both, _ = loaded([table, log], [write_outcomes(tmp_path / "rest.csv", won, rows=range(1, ROWS, 2))])
    assert len(both.features) == ROWS


def test_when_a_trade_was_closed_is_taken_over(tmp_path):
    X = signals(ROWS, seed=3)
    won = outcomes(X, seed=4)
    lines = signal_lines(X, np.full(ROWS, 0.5), None)
    came = tmp_path / "came.csv"
    closed = [(dt.datetime.fromisoformat(one["time"]) + dt.timedelta(hours=1)).isoformat() for one in lines]
    came.write_text(
        "tag,pnl,closed\n" + "".join(f"order {i},{1.5 if won[i] else -2},{closed[i]}\n" for i in range(ROWS))
    )
    found, _ = loaded([write_log(tmp_path / "live.ndjson", lines)], [came])
    assert found.closes is not None
    assert (found.closes - found.times == np.timedelta64(1, "h")).all()


def test_a_log_goes_with_a_history_of_more_columns_and_messages_name_the_users_files(tmp_path):
    X = signals(ROWS, seed=3)
    won = outcomes(X, seed=4)
    lines = signal_lines(X, np.full(ROWS, 0.5), "0123456789ab")
    log = write_log(tmp_path / "live.ndjson", lines)
    came = write_outcomes(tmp_path / "closed.csv", won, rows=range(0, ROWS, 2))
    table = tmp_path / "trades.csv"
    rows = [
        ",".join(["AAPL", lines[i]["time"], *(repr(float(v)) for v in X[i]), "3.5" if won[i] else "-2", str(won[i])])
        for i in range(1, ROWS, 2)
    ]
    header = ",".join(["symbol", "timestamp", *SIGNAL_NAMES, "pnl", "is_profitable"])
    table.write_text("\n".join([header, *rows, ""]))
    both, _ = loaded([table, log], [came])
    assert len(both.features) == ROWS
    assert both.record.source == "history: live.ndjson with closed.csv, trades.csv"
    table.write_text("\n".join([header.replace("timestamp", "when"), *rows, ""]))
    with pytest.raises(PipelineError) as refused:
        loaded([table, log], [came])
    assert "trades.csv: no column 'timestamp', which live.ndjson with closed.csv has" in str(refused.value)
    assert "dollarbill-" not in str(refused.value)


def test_a_log_without_outcomes_and_outcomes_without_a_log_are_refused(tmp_path):
    log = write_log(tmp_path / "live.ndjson", signal_lines(signals(9), np.full(9, 0.5), None))
    with pytest.raises(PipelineError, match="name what came of them with --outcomes"):
        loaded([log])
    table = tmp_path / "trades.csv"
    table.write_text("x\n")
    with pytest.raises(PipelineError, match="goes with a log"):
        loaded([table], [table])


# -------------------------------------------------------------------------------------------------- days that were kept


def days(count: int, first: dt.date = dt.date(2024, 1, 1)) -> list[dt.date]:
    found, day = [], first
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += dt.timedelta(days=1)
    return found


def features(count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    iv = 0.3 * np.exp(np.cumsum(rng.normal(0, 0.02, count)))
    return [(float(v), float(v), 0.02, 0.01, 0.0, 1200.0, 46.0) for v in iv]


def store_of(path: Path, symbol: str, dates, rows) -> Path:
    with HistoryStore(path) as store:
        marks = ", ".join("?" * (2 + len(DAILY_NAMES)))
        store._connection.executemany(
            f"INSERT OR REPLACE INTO day VALUES ({marks})",
            [(symbol, str(date), *row) for date, row in zip(dates, rows, strict=True)],
        )
    return path


def forecast_lines(dates, rows, *, symbol="SIM", version="0123456789ab", error=0.0):
    found = []
    for seq, (date, row) in enumerate(zip(dates, rows, strict=True)):
        predicted = [row[0] + error] * 3
        answer = {"horizons": [1, 5, 21], "predicted": predicted}
        answer |= {"lower": [p - 0.02 for p in predicted], "upper": [p + 0.02 for p in predicted]}
        found.append({
            "log": 1, "time": f"{date}T21:00:00.000000Z", "run": "a-1", "seq": seq, "model": VOLATILITY_PREDICTOR,
            "version": version, "engine": "native", "source": "model", "warnings": [], "answer": answer,
            "about": {"symbol": symbol, "date": str(date)}, "inputs": dict(zip(DAILY_NAMES, row, strict=True)),
        })  # fmt: skip
    return found


def test_newly_observed_days_of_the_store_are_series_to_train_on(tmp_path):
    dates, rows = days(320), features(320)
    store = store_of(tmp_path / "vol.sqlite", "SIM", dates, rows)
    store_of(store, "FEW", dates[:20], rows[:20])
    pool = read_pool([SeriesFile(store)], silent)
    assert [one.name for one in pool.series] == ["SIM"]
    assert np.array_equal(pool.series[0].features, np.array(rows))
    assert set(days_of_store(store)) == {"SIM", "FEW"}
    with pytest.raises(PipelineError, match="no symbol has 300 days"):
        read_pool([SeriesFile(store_of(tmp_path / "few.sqlite", "FEW", dates[:20], rows[:20]))], silent)


def test_the_days_of_a_log_continue_those_of_the_store(tmp_path):
    dates, rows = days(340), features(340)
    store = store_of(tmp_path / "vol.sqlite", "SIM", dates[:310], rows[:310])
    log = write_log(tmp_path / "live.ndjson", forecast_lines(dates[300:], rows[300:]))
    pool = read_pool([SeriesFile(store), SeriesFile(log)], silent)
    assert np.array_equal(pool.series[0].features, np.array(rows))


def test_forecasts_are_scored_on_the_days_that_came(tmp_path):
    dates, rows = days(60), features(60)
    lines = forecast_lines(dates[:50], rows[:50], error=0.01)
    log = read_live_log([write_log(tmp_path / "live.ndjson", lines)], model=VOLATILITY_PREDICTOR, columns=DAILY_NAMES)
    store = store_of(tmp_path / "vol.sqlite", "SIM", dates, rows)
    live = live_window(log, [store])
    assert len(live.rows) == 50
    iv = np.array([row[0] for row in rows])
    predicted = np.repeat(iv[:50, None] + 0.01, 3, axis=1)
    found = losses(live.window, predicted)
    for horizon, (name, loss) in zip((1, 5, 21), found.items(), strict=True):
        ends = np.arange(50)[np.arange(50) + horizon < 60]
        scale = np.mean((iv[ends] - iv[ends + horizon]) ** 2)
        assert np.allclose(loss[ends], (iv[ends] + 0.01 - iv[ends + horizon]) ** 2 / scale), name
    alone = live_window(log, [])
    assert len(alone.rows) == 49
    one = read_live_log([write_log(tmp_path / "one.ndjson", lines[:1])], model=VOLATILITY_PREDICTOR)
    with pytest.raises(PipelineError, match="no day after a forecast is known yet"):
        live_window(one, [])


# ---------------------------------------------------------------------------------------------- the gate on live data


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("versions"), ("good", "better"))


@pytest.mark.slow
def test_the_gate_decides_on_what_the_shadow_answered(built, tmp_path, monkeypatch, capsys):
    house = built.copied(tmp_path / "house")

    def promote(name: str, *more: object) -> Ended:
        where = ["--artifacts", str(house.artifacts), "--from", str(house.source)]
        return run_export(
            ["promote", SIGNAL_CLASSIFIER, house.version[name], *where, *map(str, more)], monkeypatch, capsys
        )

    assert promote("good").code == 0
    X = signals(6000, seed=5)
    won = outcomes(X, seed=6)
    sure = {name: Served(house.folder / house.version[name]).answer({SIGNAL_INPUT.name: X})["confidence"].reshape(-1)
            for name in ("good", "better")}  # fmt: skip
    came = write_outcomes(tmp_path / "came.csv", won)

    def log(name: str, shadow) -> Path:
        lines = signal_lines(X, sure["good"], house.version["good"], shadow=shadow)
        return write_log(tmp_path / name, lines)

    worse = log("worse.ndjson", (house.version["better"], 1.0 - sure["better"]))
    done = promote("better", "--live", worse, "--outcomes", came)
    assert done.code == 1, done.out
    assert "live, Brier: not worse than the champion" in done.out
    assert house.name_in_use() == "good"
    absent = log("absent.ndjson", ("0123456789ab", sure["better"]))
    done = promote("better", "--live", absent, "--outcomes", came)
    assert done.code == 1
    assert "none with" in done.out
    assert promote("better", "--live", worse).code == 2
    assert promote("better", "--outcomes", came).code == 2
    assert promote("better", "--live", tmp_path / "nothing.ndjson", "--outcomes", came).code == 2
    right = log("right.000001.ndjson", (house.version["better"], sure["better"]))
    assert run_verify(["parquet", str(right), "--remove"], monkeypatch, capsys).code == 0
    assert not right.exists()
    right = right.with_suffix(".parquet")
    done = promote("better", "--live", right, "--outcomes", came)
    assert done.code == 0, done.out
    step = json.loads((house.folder / "steps/00000002.json").read_text())
    assert any(finding["check"].startswith("live, ") for finding in step["gate"])


def test_a_shadow_in_the_config_makes_no_other_version(tmp_path):
    from train.config import config_type
    from train.model import TrainingRequest
    from train.provenance import provenance_of

    def parameters(section):
        config = config_type().model_validate({"models": {SIGNAL_CLASSIFIER: section}})
        request = TrainingRequest(
            out=tmp_path, data=(), training=config.training, section=config.section(SIGNAL_CLASSIFIER),
            estimator=None, show=silent,
        )  # fmt: skip
        return provenance_of(request).parameters

    assert parameters({"shadow": "0123456789ab"}) == parameters({})


@pytest.mark.slow
def test_drift_of_forecasts_by_the_days_of_the_log(tmp_path, monkeypatch, capsys):
    """With the version in use here, whose manifest may be from before distributions: coverage and skill are told."""
    version = json.loads((ROOT / f"artifacts/{VOLATILITY_PREDICTOR}/current.json").read_text())["version"]
    dates, rows = days(160), features(160)
    log = write_log(tmp_path / "live.ndjson", forecast_lines(dates, rows, version=version))
    data = tmp_path / "drift.json"
    arguments = ["drift", str(log), "--artifacts", str(ROOT / "artifacts"), "--outcomes", "--json", str(data)]
    done = run_verify(arguments, monkeypatch, capsys)
    assert done.code in (0, 1), done.err
    found = json.loads(data.read_text())["models"][0]
    assert found["model"] == VOLATILITY_PREDICTOR
    assert found["quality"]["rows"] == 159
    iv = np.array([row[0] for row in rows])
    inside = np.abs(iv[1:] - iv[:-1]) <= 0.02
    assert found["quality"]["calibration"][0]["value"] == pytest.approx(inside.mean())
    # No change was forecast: as good as persistence to the bit, and so not worse.
    assert not any(one["worse"] for one in found["quality"]["skill"])
