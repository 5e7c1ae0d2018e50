"""The simulated market obeys option theory, the contract's units and its own seeds."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad

from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES, check_signal
from train.signal_classifier.simulator import black_scholes as bs
from train.signal_classifier.simulator.black_scholes import Floats
from train.signal_classifier.simulator.heston import Heston, daily_returns, fair_vol
from train.signal_classifier.simulator.market import BLOCK, Signals, profit, simulate, true_probability
from train.signal_classifier.simulator.market_settings import RATE, MarketSettings

FREE = MarketSettings(drift=RATE, stock_cost=0.0, commission=0.0)


@pytest.fixture(scope="module")
def signals() -> Signals:
    return simulate(5_000, seed=3)


def column(signals: Signals, name: str) -> Floats:
    return signals.features[:, SIGNAL_NAMES.index(name)]


def assets(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


SPOT, STRIKE, YEARS, VOL = assets(100, 100, 50), assets(100, 120, 45), assets(0.25, 0.5, 0.1), assets(0.2, 0.5, 0.9)


def test_prices_agree_with_a_textbook_value() -> None:
    price = bs.price(assets(42), assets(40), assets(0.5), rate=0.1, vol=assets(0.2), call=np.array([True, False])[:1])
    assert price[0] == pytest.approx(4.759422, abs=1e-6)


def test_a_call_less_a_put_is_the_forward() -> None:
    call, put = (bs.price(SPOT, STRIKE, YEARS, rate=RATE, vol=VOL, call=np.full(3, c)) for c in (True, False))
    np.testing.assert_allclose(call - put, SPOT - STRIKE * np.exp(-RATE * YEARS), rtol=0, atol=1e-12)


@pytest.mark.parametrize("call", [True, False])
def test_greeks_are_the_derivatives_of_the_price_in_the_contracts_units(call: bool) -> None:
    kind = np.full(3, call)

    def price(spot: Floats = SPOT, years: Floats = YEARS, vol: Floats = VOL) -> Floats:
        return bs.price(spot, STRIKE, years, rate=RATE, vol=vol, call=kind)

    h = 1e-4
    delta = bs.delta(SPOT, STRIKE, YEARS, rate=RATE, vol=VOL, call=kind)
    np.testing.assert_allclose(delta, (price(spot=SPOT + h) - price(spot=SPOT - h)) / (2 * h), rtol=1e-6)
    up, down = (bs.delta(SPOT + d, STRIKE, YEARS, rate=RATE, vol=VOL, call=kind) for d in (h, -h))
    np.testing.assert_allclose(bs.gamma(SPOT, STRIKE, YEARS, rate=RATE, vol=VOL), (up - down) / (2 * h), rtol=1e-6)
    by_vol = (price(vol=VOL + h) - price(vol=VOL - h)) / (2 * h)
    np.testing.assert_allclose(bs.vega(SPOT, STRIKE, YEARS, rate=RATE, vol=VOL), by_vol, rtol=1e-6)
    by_time = -(price(years=YEARS + h) - price(years=YEARS - h)) / (2 * h)
    theta = bs.theta(SPOT, STRIKE, YEARS, rate=RATE, vol=VOL, call=kind)
    np.testing.assert_allclose(theta, by_time, rtol=1e-5)


def test_implied_volatility_inverts_the_price() -> None:
    price = bs.price(SPOT, STRIKE, YEARS, rate=RATE, vol=VOL, call=np.full(3, True))
    np.testing.assert_allclose(bs.implied_vol(price, SPOT, STRIKE, YEARS, rate=RATE), VOL, atol=1e-9)


def test_without_volatility_of_volatility_the_fair_volatility_is_the_mean_one() -> None:
    still = Heston(assets(0.04, 0.25, 0.3), assets(3, 3, 3), assets(0.09, 0.25, 0.1), np.full(3, 1e-4), np.zeros(3))
    fair = fair_vol(still, SPOT, STRIKE, YEARS, rate=RATE)
    np.testing.assert_allclose(fair, np.sqrt(still.mean_variance(YEARS)), atol=2e-6)


@pytest.mark.parametrize("years", [7 / 365, 0.25])
@pytest.mark.parametrize("distance", [-1.6, 0.0, 1.6])
def test_the_fair_price_agrees_with_adaptive_integration(years: float, distance: float) -> None:
    """The reference is Heston's own two-probability form, integrated adaptively."""
    v, kappa, theta, xi, rho, spot = 0.03, 2.0, 0.09, 0.55, -0.7, 100.0
    strike = spot * np.exp(RATE * years + distance * np.sqrt(v * years))

    def probability(j: int) -> float:
        u, b = ((0.5, kappa - rho * xi), (-0.5, kappa))[j]

        def integrand(x: float) -> float:
            a = b - rho * xi * x * 1j
            d = np.sqrt(a * a - xi * xi * (2 * u * x * 1j - x * x))
            g = (a - d) / (a + d)
            e = np.exp(-d * years)
            c = RATE * x * 1j * years + kappa * theta / xi**2 * ((a - d) * years - 2 * np.log((1 - g * e) / (1 - g)))
            phi = np.exp(c + (a - d) / xi**2 * (1 - e) / (1 - g * e) * v + 1j * x * np.log(spot))
            return float(np.real(np.exp(-1j * x * np.log(strike)) * phi / (1j * x)))

        return 0.5 + quad(integrand, 1e-8, 2000.0, limit=2000)[0] / np.pi

    call = assets(spot * probability(0) - strike * np.exp(-RATE * years) * probability(1))
    reference = bs.implied_vol(call, assets(spot), assets(strike), assets(years), rate=RATE)
    model = Heston(*(assets(x) for x in (v, kappa, theta, xi, rho)))
    fair = fair_vol(model, assets(spot), assets(strike), assets(years), rate=RATE)
    np.testing.assert_allclose(fair, reference, atol=1e-4)


def test_paths_price_options_fairly() -> None:
    n = 60_000
    model = Heston(*(np.full(n, x) for x in (0.09, 4.0, 0.09, 0.5, -0.5)))
    days = np.full(n, 30)
    spot = 100.0 * np.exp(sum(daily_returns(model, days, drift=RATE, random=np.random.default_rng(1))))
    payoff = np.exp(-RATE * 30 / 365) * np.maximum(spot - 103.0, 0.0)
    one = model.take(slice(0, 1))
    vol = fair_vol(one, assets(100), assets(103), assets(30 / 365), rate=RATE)
    price = bs.price(assets(100), assets(103), assets(30 / 365), rate=RATE, vol=vol, call=np.array([True]))[0]
    assert abs(payoff.mean() - price) < 4 * payoff.std() / np.sqrt(n)


def test_a_fairly_priced_trade_without_costs_earns_nothing_on_average(signals: Signals) -> None:
    deals = signals.deals
    years = deals.days / 365
    vol = fair_vol(deals.stock, deals.spot, deals.strike, years, rate=RATE)
    fair = bs.price(deals.spot, deals.strike, years, rate=RATE, vol=vol, call=deals.call)
    priced = dataclasses.replace(deals, paid=fair, long=np.full(len(fair), True))
    rows = np.repeat(np.arange(len(fair)), 20)
    pnl = profit(priced.take(rows), settings=FREE, random=np.random.default_rng(5))
    relative = pnl / bs.vega(deals.spot, deals.strike, years, rate=RATE, vol=vol)[rows]
    assert abs(relative.mean()) < 4 * relative.std() / np.sqrt(len(relative))


def test_the_buyer_gains_what_the_seller_loses_but_for_costs(signals: Signals) -> None:
    one, other = (
        profit(dataclasses.replace(signals.deals, long=long), settings=FREE, random=np.random.default_rng(2))
        for long in (signals.deals.long, ~signals.deals.long)
    )
    np.testing.assert_allclose(one, -other, rtol=1e-9, atol=1e-9)


def test_costs_only_ever_reduce_the_profit(signals: Signals) -> None:
    costly = dataclasses.replace(FREE, stock_cost=0.001, commission=0.01)
    free, paid = (profit(signals.deals, settings=s, random=np.random.default_rng(2)) for s in (FREE, costly))
    assert (paid < free).all()


def test_every_signal_meets_the_contract_and_looks_like_a_live_chain(signals: Signals) -> None:
    for row in signals.features[:500]:
        assert check_signal(dict(zip(SIGNAL_NAMES, map(float, row), strict=True)), "signal") == tuple(row)
    assert all(
        (c.minimum <= v).all() and (v <= c.maximum).all()
        for c, v in zip(SIGNAL_FEATURES, signals.features.T, strict=True)
    )
    days = column(signals, "days_to_expiry")
    assert (days.min(), days.max()) == (7, 90)
    assert signals.deals.spot.min() > 20
    assert signals.deals.spot.max() < 600
    assert (np.sign(column(signals, "delta")) == np.where(signals.deals.call, 1, -1)).all()
    assert (signals.deals.long == (column(signals, "edge_percent") > 0)).all()
    assert 0.25 < signals.deals.long.mean() < 0.75
    assert 0.25 < signals.deals.call.mean() < 0.75
    assert 0.45 < signals.profitable.mean() < 0.60


def test_the_label_is_a_profit_above_zero(signals: Signals) -> None:
    assert (signals.profitable == (signals.pnl > 0)).all()


def test_the_first_rows_do_not_depend_on_how_many_are_asked_for() -> None:
    few, many = simulate(50, seed=11), simulate(BLOCK + 50, seed=11)
    assert (few.features == many.features[:50]).all()
    assert (few.pnl == many.pnl[:50]).all()
    assert len(many.features) == BLOCK + 50
    assert not np.array_equal(few.features, simulate(50, seed=12).features)


def test_outcomes_happen_as_often_as_their_true_probability_says(signals: Signals) -> None:
    rows = np.arange(1_500)
    truth = true_probability(signals.deals.take(rows), paths=100, seed=3)
    outcome = signals.profitable[rows]
    for part in np.array_split(np.argsort(truth), 4):
        error = np.sqrt(truth[part] * (1 - truth[part])).mean() / np.sqrt(len(part))
        assert abs(outcome[part].mean() - truth[part].mean()) < 4 * error


def test_the_true_probability_does_not_depend_on_the_paths_of_other_deals(signals: Signals) -> None:
    done: list[int] = []
    rows = np.arange(150)
    first = true_probability(signals.deals.take(rows), paths=1_000, seed=9, show=done.append)
    assert done == [100, 150]
    assert (true_probability(signals.deals.take(rows[:100]), paths=1_000, seed=9) == first[:100]).all()


def test_a_market_of_worthless_options_is_refused() -> None:
    with pytest.raises(PipelineError, match="too few options cost 1000"):
        simulate(10, seed=0, settings=MarketSettings(cheapest=1000.0))
