"""Black-76 by the library and the Greeks: against QuantLib's own calculator and differences of the price."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813

from train.core.chains.black import greeks, implied_volatility, price

SPOT, RATE, DIVIDEND = 100.0, 0.05, 0.11
"""A high dividend, so that forward and spot are not nearly the same."""


def contracts() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    years = rng.uniform(0.02, 3.0, 500)
    strike = SPOT * np.exp(rng.normal(0.0, 0.2, 500))
    side = rng.choice([-1, 1], 500)
    return {
        "volatility": rng.uniform(0.1, 0.9, 500),
        "forward": SPOT * np.exp((RATE - DIVIDEND) * years),
        "discount": np.exp(-RATE * years),
        "strike": strike,
        "years": years,
        "side": side,
    }


def test_the_greeks_are_those_of_quantlib() -> None:
    made = contracts()
    found = greeks(spot=SPOT, **made)
    for at in range(500):
        volatility, forward, discount, strike, years, side = (float(made[name][at]) for name in made)
        kind = ql.Option.Call if side > 0 else ql.Option.Put
        black = ql.BlackCalculator(
            ql.PlainVanillaPayoff(kind, strike), forward, volatility * math.sqrt(years), discount
        )
        assert found["delta"][at] == pytest.approx(black.delta(SPOT), rel=1e-9, abs=1e-12)
        assert found["gamma"][at] == pytest.approx(black.gamma(SPOT), rel=1e-9, abs=1e-12)
        assert found["vega"][at] == pytest.approx(black.vega(years), rel=1e-9, abs=1e-9)
        assert found["theta"][at] == pytest.approx(black.theta(SPOT, years), rel=1e-8, abs=1e-8)


def test_theta_is_the_fall_of_the_price_in_a_year() -> None:
    made = contracts()
    step = 1e-5

    def worth(years: np.ndarray) -> np.ndarray:
        forward = SPOT * np.exp((RATE - DIVIDEND) * years)
        return np.exp(-RATE * years) * price(made["volatility"], forward, made["strike"], years, made["side"])

    fall = (worth(made["years"] - step) - worth(made["years"] + step)) / (2 * step)
    assert greeks(spot=SPOT, **made)["theta"] == pytest.approx(fall, rel=1e-4, abs=1e-4)


def test_prices_that_no_volatility_gives_have_none() -> None:
    ones = np.ones(4)
    paid = np.array([0.0, 200.0, 5.0, np.nan])
    strike = np.array([100.0, 100.0, 90.0, 100.0])
    assert np.isnan(implied_volatility(paid, 100 * ones, strike, ones, ones)).all()
