"""Trading days: the committed table is the library's, in both languages."""

import json
from pathlib import Path

import pytest

from tests.data.make_exchange_days import EXCHANGES, PYTHON, RUST, table
from train.core.errors import PipelineError
from train.core.tables.calendar import calendar_of, configured_calendar


def test_the_tables_of_both_languages_are_what_the_library_says() -> None:
    assert PYTHON.read_text() == RUST.read_text() == table()
    assert [calendar_of(name.lower()).name for name in EXCHANGES] == list(EXCHANGES)


def test_a_calendar_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(PipelineError, match="must be weekdays, 24/7 or an exchange"):
        calendar_of("XNY")


def test_the_calendar_asked_for_comes_before_the_configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert configured_calendar().name == "weekdays"
    Path("config").mkdir()
    config = Path("config/ml_config.json")
    config.write_text(json.dumps({"runtime": {"calendar": "24/7"}}))
    assert configured_calendar().name == "24/7"
    assert configured_calendar("xnys").name == "XNYS"
    config.write_text(json.dumps({"runtime": {"calendar": "XNY"}}))
    with pytest.raises(PipelineError, match=r"ml_config.json: field 'runtime.calendar': calendar: must be"):
        configured_calendar()
