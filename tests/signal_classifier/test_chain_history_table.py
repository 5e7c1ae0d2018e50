"""The classifier's table on a history made from chains."""

from pathlib import Path

import pandas as pd
import pytest

from train.core.chains.chain import read_chain
from verify.figures.signal_classifier.chain_history import STOCKS, chains, report


def test_the_chains_are_read_as_what_they_were_made_from(tmp_path: Path) -> None:
    symbol, spot, stock = STOCKS[0]
    days = list(chains(symbol, spot, stock, days=5, seed=1))
    assert len(days) == 5
    pd.concat(days).to_csv(tmp_path / "aaa.csv", index=False)
    chain = read_chain(tmp_path / "aaa.csv")
    assert chain.symbol == "AAA"
    assert len(list(chain.days())) == 5


@pytest.mark.slow
def test_two_tables_and_what_was_not_beaten(tmp_path: Path) -> None:
    lines: list[str] = []
    lost = report(tmp_path, days=40, show=lines.append)
    tables = [line for line in lines if "out of time" in line]
    assert len(tables) == 2
    assert all("HistGradientBoosting" in one or "HistGradientBo" in one for one in tables)
    verdicts = [line for line in lines if line.startswith("not beaten: ")]
    assert len(verdicts) == 2
    # What is returned is what was said.
    assert all(line.partition(": ")[2] in " ".join(verdicts) for line in lost)
    assert (lost == []) == (verdicts == ["not beaten: none"] * 2)
