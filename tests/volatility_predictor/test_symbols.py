"""What is a ticker symbol, and what its file is called (the same cases run in Rust)."""

import json
from typing import Any

import pytest

from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.volatility_predictor.surfaces.file_name import checked_symbol, name_in_file

CASES: dict[str, Any] = json.loads((ROOT / "tests/data/symbol_cases.json").read_text())


@pytest.mark.parametrize(("text", "symbol", "name"), CASES["accepted"])
def test_a_symbol_is_accepted_in_capitals_and_names_one_file(text: str, symbol: str, name: str) -> None:
    assert (checked_symbol(text), name_in_file(symbol)) == (symbol, name)
    assert "/" not in name


@pytest.mark.parametrize("text", CASES["refused"])
def test_what_is_no_symbol_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(PipelineError, match="must be 1 to 16 letters, digits"):
        checked_symbol(text)
