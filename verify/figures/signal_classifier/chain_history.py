"""`python -m verify.figures chain_history`: the classifier on trades made from dated option chains.

Chains of a few simulated stocks (`simulator.heston`) are written as a vendor would write them. Of these
`python -m train.history_from_chains` makes trades, once against the engine's own estimate of volatility and once
against the surface of the day before, and the classifier stands beside its baselines on the latest fifth, which none
of them saw. The mispricing of a contract fades over some days, so a part of the edge is earned over night.
"""

import argparse
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from train.core import cli
from train.core.chains.columns import occ_symbol
from train.signal_classifier.estimators import EstimatorName
from train.signal_classifier.evaluation.comparison import OURS, baseline_answers, compare
from train.signal_classifier.history import from_chains
from train.signal_classifier.history.labelled_signals import Floats, hold_out
from train.signal_classifier.simulator import black_scholes, heston
from train.signal_classifier.simulator.heston import DAYS_PER_YEAR, Heston
from train.signal_classifier.simulator.market_settings import RATE, MarketSettings
from train.signal_classifier.training import Show, confidence, fit, load

BEGIN = dt.date(2023, 1, 2)
FADE = 0.6
"""Share of a contract's mispricing that is left a day later."""
STOCKS = (
    ("AAA", 90.0, Heston(*(np.array([x]) for x in (0.09, 4.0, 0.10, 0.55, -0.6)))),
    ("BBB", 240.0, Heston(*(np.array([x]) for x in (0.05, 3.0, 0.06, 0.40, -0.7)))),
    ("CCC", 410.0, Heston(*(np.array([x]) for x in (0.20, 5.0, 0.18, 0.90, -0.4)))),
)
MODEL_IV = "model_iv"


def chains(symbol: str, spot: float, stock: Heston, *, days: int, seed: int) -> Iterator[pd.DataFrame]:
    """One table a weekday, as a vendor writes it, and the engine's own estimate of volatility beside.

    Args:
        symbol: of the underlying.
        spot: its price on the first day, $.
        stock: its law; arrays of one element.
        days: calendar days.
        seed: of its future, of the market's noise and of the engine's.
    """
    rng = np.random.default_rng(seed)
    settings = MarketSettings()
    off: dict[tuple[dt.date, float], float] = {}
    variance = float(stock.variance[0])
    for number in range(days):
        day = BEGIN + dt.timedelta(days=number)
        if day.weekday() < 5:
            yield _quotes(symbol, spot, _now(stock, variance), day, off=off, rng=rng, settings=settings)
        first, second = rng.standard_normal(2)
        deviation = np.sqrt(variance / DAYS_PER_YEAR)
        spot *= float(np.exp((settings.drift - 0.5 * variance) / DAYS_PER_YEAR + deviation * first))
        rho, kappa, theta, xi = (float(x[0]) for x in (stock.rho, stock.kappa, stock.theta, stock.xi))
        shock = rho * first + np.sqrt(1.0 - rho * rho) * second
        variance = max(variance + kappa * (theta - variance) / DAYS_PER_YEAR + xi * deviation * shock, 1e-4)


def _now(stock: Heston, variance: float) -> Heston:
    return Heston(np.array([variance]), stock.kappa, stock.theta, stock.xi, stock.rho)


def _quotes(
    symbol: str,
    spot: float,
    stock: Heston,
    day: dt.date,
    *,
    off: dict[tuple[dt.date, float], float],
    rng: np.random.Generator,
    settings: MarketSettings,
) -> pd.DataFrame:
    expiries = [date for date in _expiries(day) if 7 <= (date - day).days <= 120]
    step = 2.5 if spot < 150.0 else 5.0 if spot < 300.0 else 10.0
    listed = []
    for date in expiries:
        usual = float(np.sqrt(stock.mean_variance(np.array([(date - day).days / DAYS_PER_YEAR]))[0]))
        width = settings.moneyness * usual * np.sqrt((date - day).days / DAYS_PER_YEAR)
        low, high = (int(np.ceil(spot * np.exp(sign * width) / step)) for sign in (-1.0, 1.0))
        listed += [(date, number * step, width / settings.moneyness) for number in range(low, high)]
    count = len(listed)
    dates, strike, deviation = (np.array(part) for part in zip(*listed, strict=True))
    left = np.array([(date - day).days for date in dates])
    years = left / DAYS_PER_YEAR
    many = Heston(*(np.repeat(getattr(stock, name), count) for name in Heston.__slots__))
    fair = heston.fair_vol(many, np.full(count, spot), strike, years, rate=RATE)
    for key in zip(dates, strike, strict=True):
        fresh = settings.market_noise * np.sqrt(1.0 - FADE**2) * rng.standard_normal()
        off[key] = FADE * off.get(key, settings.market_noise * rng.standard_normal()) + fresh
    noise = np.array([off[key] for key in zip(dates, strike, strict=True)])
    distance = np.log(strike / spot) / deviation
    quoted = fair * (1.0 + settings.premium - settings.skew_premium * distance) * np.exp(0.5 * noise)
    sides = []
    for call in (True, False):
        calls = np.full(count, call)
        middle = black_scholes.price(np.full(count, spot), strike, years, rate=RATE, vol=quoted, call=calls)
        vega = black_scholes.vega(np.full(count, spot), strike, years, rate=RATE, vol=quoted)
        half = 0.5 * (settings.tick + settings.spread_points * vega * np.exp(0.3 * rng.standard_normal(count)))
        activity = np.exp(5.0 - 0.6 * distance**2 + rng.standard_normal(count))
        sides.append(
            pd.DataFrame(
                {
                    "contractSymbol": [
                        occ_symbol(symbol, date, 1 if call else -1, k) for date, k in zip(dates, strike, strict=True)
                    ],
                    "quote_date": str(day),
                    "expiration": [str(date) for date in dates],
                    "strike": strike,
                    "bid": np.maximum(middle - half, 0.0).round(2),
                    "ask": (middle + half).round(2),
                    "volume": activity.astype(np.int64),
                    "open_interest": (4.0 * activity).astype(np.int64),
                    "spot": round(spot, 2),
                    MODEL_IV: (fair * np.exp(settings.model_noise * rng.standard_normal(count))).round(6),
                }
            )
        )
    return pd.concat(sides)


def _expiries(day: dt.date) -> list[dt.date]:
    """The third Friday of this month and of the next four."""
    found = []
    for later in range(5):
        year, month = divmod(day.year * 12 + day.month - 1 + later, 12)
        first = dt.date(year, month + 1, 1)
        found.append(first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14))
    return found


def report(folder: Path, *, days: int, estimator: EstimatorName = "random_forest", show: Show = cli.show) -> list[str]:
    """Make the chains, the trades and the table; returns what the classifier did not beat, by kind of model.

    Args:
        folder: where chains and trades are written.
        days: calendar days of each stock.
        estimator: of the classifier.
        show: called with each line.
    """
    for number, (symbol, spot, stock) in enumerate(STOCKS):
        table = pd.concat(chains(symbol, spot, stock, days=days, seed=number))
        (folder / "chains").mkdir(exist_ok=True)
        table.to_csv(folder / "chains" / f"{symbol.lower()}.csv", index=False)
        show(f"{symbol}: {len(table):,} quotes")
    lost = []
    for name, more in (
        ("the engine's own volatility", ["--model-iv", MODEL_IV]),
        ("the surface of the day before", []),
    ):
        trades = folder / "trades.csv"
        from_chains.main([str(folder / "chains"), "-o", str(trades), *more])
        labelled = load((trades,), rows=0, random_state=42, show=show)
        training, test = hold_out(labelled, share=0.2, random_state=42)
        known, unseen = labelled.take(training), labelled.take(test)
        fitted = fit(known, estimator=estimator, random_state=42, cv_folds=5)
        answers: dict[str, Floats] = {OURS: confidence(fitted.model, unseen.features)}
        answers |= baseline_answers(known, unseen.features, random_state=42)
        compared = compare(unseen.profitable, answers)
        show(compared.text(f"model: {name}; trained on {len(known.features):,} trades, out of time"))
        beaten = compared.beaten_by(OURS)
        show(f"not beaten: {'; '.join(beaten) or 'none'}")
        lost += [f"{name}: {line}" for line in beaten]
    return lost


def main(arguments: Sequence[str]) -> int:
    """Print both tables."""
    command = argparse.ArgumentParser(
        prog="python -m verify.figures chain_history",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--days", type=int, default=365, help="calendar days of chains (default 365)")
    command.add_argument("--out", type=Path, metavar="DIR", help="keep the chains and the trades there")
    options = command.parse_args(arguments)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        report(options.out, days=options.days)
        return cli.EXIT_GOOD
    with TemporaryDirectory() as folder:
        report(Path(folder), days=options.days)
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
