"""Walking forward looks at nothing that comes later."""

import datetime as dt

import numpy as np
import pytest

from train.core.errors import PipelineError
from train.volatility_predictor.evaluation.forecasts import NETWORK
from train.volatility_predictor.network.pool import simulated_series
from train.volatility_predictor.network.windows import Series
from verify.figures.volatility_predictor.walk_forward import ONCE, Plan, lines_of, walk

pytestmark = pytest.mark.slow

DATES = [dt.date(2000, 1, 3) + dt.timedelta(days=7 * (i // 5) + i % 5) for i in range(1000)]
PLAN = Plan(dt.date(2002, 1, 1), 1, 10, False, 3, symbols=4, days=330, windows=300)


def forecasts(features: np.ndarray) -> list[dict[str, np.ndarray]]:
    lines: list[str] = []
    tested = walk([Series("X", features)], [DATES], PLAN, lines.append)
    assert [line.split(" on ")[1] for line in lines] == ["days before 2002-01-01", "days before 2003-01-01"]
    return [one.forecasts for one in tested]


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return simulated_series(1, 1000, 9)[0].features


def test_no_forecast_sees_what_comes_after_its_day(features: np.ndarray) -> None:
    changed = features.copy()
    changed[820:, :5] *= 1.7
    before, after = forecasts(features)[0], forecasts(changed)[0]
    begin = next(i for i, date in enumerate(DATES) if date >= PLAN.first)
    for name in before:
        assert np.array_equal(before[name][: 820 - begin], after[name][: 820 - begin]), name
        assert not np.array_equal(before[name][820 - begin :], after[name][820 - begin :]), name


def test_a_refit_changes_the_forecast_and_the_first_one_stays(features: np.ndarray) -> None:
    found = forecasts(features)[0]
    begin, again = (next(i for i, d in enumerate(DATES) if d >= dt.date(year, 1, 1)) for year in (2002, 2003))
    assert np.array_equal(found[NETWORK][: again - begin], found[ONCE][: again - begin])
    assert not np.array_equal(found[NETWORK][again - begin :], found[ONCE][again - begin :])


def test_the_table_has_a_line_for_each_horizon(features: np.ndarray) -> None:
    tested = walk([Series("X", features)], [DATES], PLAN, lambda _: None)
    lines = lines_of(tested)
    assert len(lines) == 2 + 3
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_a_series_without_a_year_before_the_first_fit_is_refused(features: np.ndarray) -> None:
    with pytest.raises(PipelineError, match="needs a year of days before 2000-06-01"):
        walk([Series("X", features)], [DATES], Plan(dt.date(2000, 6, 1), 1, 10, False, 3), lambda _: None)
