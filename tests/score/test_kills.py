"""Kills at random times: a worker's and the whole's; what lies there in the end has the bytes of a run without."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.support.places import ROOT
from tests.support.scoring import command, files, score, write_days

DAYS, ROWS = 8, 40_000
KILLS = int(os.environ.get("SCORE_KILLS", "3"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_days(tmp_path_factory.mktemp("kills") / "in", DAYS, ROWS)


@pytest.fixture(scope="module")
def wanted(days: Path) -> dict[str, str]:
    result, _ = score(days, days.parent / "wanted")
    assert result["rows"] == DAYS * ROWS
    return files(days.parent / "wanted")


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that work for it, as Linux lists them."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(one) for one in found if "spawn_main" in Path(f"/proc/{one}/cmdline").read_text()]


def started(days: Path, output: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(days, output, "--processes", "2"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(done: object, seconds: float = 60.0) -> None:
    last = time.monotonic() + seconds
    while not done() and time.monotonic() < last:  # type: ignore[operator]
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_worker_costs_no_row(seed: int, days: Path, wanted: dict[str, str], tmp_path: Path) -> None:
    process = started(days, tmp_path / "out")
    until(lambda: list((tmp_path / "out").rglob("*.parquet")) or process.poll() is not None)
    time.sleep(random.Random(seed).uniform(0.0, 0.3))
    victims = workers_of(process)
    os.kill(victims[seed % len(victims)], signal.SIGKILL)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert files(tmp_path / "out") == wanted


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_run_goes_on_to_the_same_bytes(seed: int, days: Path, wanted: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = started(days, output)
    # From before the first output to the last ones.
    parts = seed % DAYS
    until(lambda: len(list(output.rglob("*.parquet"))) >= parts or process.poll() is not None)
    time.sleep(random.Random(seed).uniform(0.0, 0.3))
    orphans = workers_of(process)
    process.kill()
    process.communicate(timeout=60)
    for path in output.rglob("[!.]*.parquet"):
        parquet.ParquetFile(path).read()  # whole at any time
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in orphans))
    assert not any(Path(f"/proc/{one}").exists() for one in orphans)
    score(days, output)
    assert files(output) == wanted
