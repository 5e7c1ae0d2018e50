"""Trading days: the committed table is the library's, in both languages."""

import pytest

from tests.data.make_exchange_days import EXCHANGES, PYTHON, RUST, table
from train.core.errors import PipelineError
from train.core.tables.calendar import calendar_of


def test_the_tables_of_both_languages_are_what_the_library_says() -> None:
    assert PYTHON.read_text() == RUST.read_text() == table()
    assert [calendar_of(name.lower()).name for name in EXCHANGES] == list(EXCHANGES)


def test_a_calendar_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(PipelineError, match="must be weekdays, 24/7 or an exchange"):
        calendar_of("XNY")
