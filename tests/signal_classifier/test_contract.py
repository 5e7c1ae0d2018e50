"""A signal is accepted only when every field is there, known, finite, in range and whole where it must be."""

from typing import Any

import pytest

from tests.support.places import SIGNAL
from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES, check_signal


def test_a_good_signal_becomes_its_eight_numbers_in_contract_order() -> None:
    shuffled = dict(reversed(SIGNAL.items()))
    assert check_signal(shuffled, "signal") == (15.5, 0.65, 0.004, 45.2, -8.5, 1200.0, 8500.0, 45.0)


@pytest.mark.parametrize("name", SIGNAL_NAMES)
def test_a_missing_field_is_named(name: str) -> None:
    signal = {key: value for key, value in SIGNAL.items() if key != name}
    with pytest.raises(PipelineError, match=f"signal 7: field '{name}' is missing"):
        check_signal(signal, "signal 7")


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(PipelineError, match="unknown field 'deltta'"):
        check_signal({**SIGNAL, "deltta": 0.5}, "signal")


@pytest.mark.parametrize("name", SIGNAL_NAMES)
@pytest.mark.parametrize(
    ("value", "said"),
    [("0.5", "must be a number"), (True, "must be a number"), (float("nan"), "finite"), (float("inf"), "finite")],
)
def test_a_value_that_is_no_finite_number_is_named(name: str, value: Any, said: str) -> None:
    with pytest.raises(PipelineError, match=f"field '{name}' must be .*{said.removeprefix('must be ')}"):
        check_signal({**SIGNAL, name: value}, "signal")


@pytest.mark.parametrize("column", SIGNAL_FEATURES, ids=SIGNAL_NAMES)
def test_both_limits_are_accepted_and_nothing_beyond_them(column: Any) -> None:
    for limit, beyond in ((column.minimum, column.minimum - 1), (column.maximum, column.maximum + 1)):
        check_signal({**SIGNAL, column.name: limit}, "signal")
        with pytest.raises(PipelineError, match=f"field '{column.name}' must lie in"):
            check_signal({**SIGNAL, column.name: beyond}, "signal")


@pytest.mark.parametrize("name", ["volume", "open_interest", "days_to_expiry"])
def test_a_count_must_be_whole(name: str) -> None:
    with pytest.raises(PipelineError, match=f"field '{name}' must be a whole number, found 3.5"):
        check_signal({**SIGNAL, name: 3.5}, "signal")
