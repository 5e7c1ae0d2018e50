"""`python -m verify.figures garch`: GARCH(1,1) as a rival, by the `arch` library, where prices are known.

- The S&P 500 surface holds prices: a quote's strike over its moneyness is the index. There GARCH forecasts implied
  volatility, of the surface and of VIX on the same days, against the same rivals as everywhere: `GARCH` alone is the
  regression of log avg_iv on the log of GARCH's volatility of the next 21 days, `GARCH + AR` has today's avg_iv, too.
- A price file (`Date,...,Close`) has no history of implied volatility to compare with. There GARCH forecasts realised
  volatility alone, against a trailing mean of squared returns and an exponential one.

Parameters are fitted before the days that are forecast.
"""

import argparse
import csv
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.core import cli
from train.core.errors import PipelineError
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.forecasts import diebold_mariano
from train.volatility_predictor.evaluation.rivals import PERSISTENCE, baseline_forecasts
from train.volatility_predictor.network.windows import GAP
from train.volatility_predictor.surfaces.csv_reader import read_rows
from train.volatility_predictor.surfaces.surface_days import SurfaceHistory, read_days

Floats = NDArray[np.float64]
Prices = dict[dt.date, float]

AHEAD = 21
YEAR = 252.0
ALONE, BESIDE = "GARCH", "GARCH + AR"
_DECAY = 0.94


def surface_prices(path: Path) -> Prices:
    """The underlying's price on each day of a dated surface file: the median of strike / moneyness over its quotes."""
    spots: dict[dt.date, list[float]] = {}
    for row in read_rows(path)[1]:
        if row.date is not None:
            spots.setdefault(row.date, []).append(row.quote.strike / row.quote.moneyness)
    return {date: float(np.median(values)) for date, values in spots.items()}


def file_prices(path: Path) -> Prices:
    """`Close` by day of a price file whose `Date` begins with YYYY-MM-DD."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"Date", "Close"} <= set(rows[0]):
        raise PipelineError(f"{path}: row 1: a price file has the columns Date and Close")
    try:
        return {dt.date.fromisoformat(row["Date"][:10]): float(row["Close"]) for row in rows}
    except (ValueError, TypeError) as error:
        raise PipelineError(f"{path}: not a price file: {error}") from error


def garch_variances(returns: Floats, fit_stop: int) -> Floats:
    """Variance of each of the next 21 daily returns, float64 [day, ahead], from parameters fitted before `fit_stop`."""
    from arch import arch_model

    model = arch_model(100.0 * returns, mean="Constant", vol="GARCH", p=1, q=1, dist="normal")
    fitted = model.fit(last_obs=fit_stop, disp="off")
    fixed = model.fix(fitted.params)
    return np.asarray(fixed.forecast(horizon=AHEAD, start=0, reindex=False).variance, dtype=np.float64) / 1e4


def implied_forecasts(iv: Floats, sigma: Floats, *, fit_stop: int, days: NDArray[np.int64]) -> dict[str, Floats]:
    """Both GARCH forecasts of avg_iv made on `days`, float64 [day, horizon] each."""
    ones = np.ones_like(iv)
    designs = {ALONE: np.column_stack([ones, np.log(sigma)])}
    designs[BESIDE] = np.column_stack([designs[ALONE], np.log(iv)])
    found: dict[str, list[Floats]] = {name: [] for name in designs}
    for name, x in designs.items():
        for horizon in HORIZONS:
            seen = np.arange(0, fit_stop - horizon)
            fitted = np.linalg.lstsq(x[seen], np.log(iv[seen + horizon]), rcond=None)[0]
            found[name].append(np.exp(x[days] @ fitted))
    return {name: np.stack(columns, axis=1) for name, columns in found.items()}


def implied_table(histories: Sequence[SurfaceHistory], prices: Prices, last: float) -> list[str]:
    """MSE relative to persistence of GARCH and the other rivals; Diebold-Mariano p of `GARCH + AR` against HAR."""
    lines: list[str] = []
    for history in histories:
        both = [(i, date) for i, date in enumerate(history.dates) if date in prices]
        iv = history.features[[i for i, _ in both], 0][1:]
        returns = np.diff(np.log([prices[date] for _, date in both if date is not None]))
        fit_stop = int(len(iv) * (1.0 - last))
        days = np.arange(fit_stop + GAP, len(iv) - GAP)
        sigma = np.sqrt(garch_variances(returns, fit_stop).mean(axis=1) * YEAR)
        rivals = baseline_forecasts(iv, fit_stop=fit_stop, days=days)
        rivals |= implied_forecasts(iv, sigma, fit_stop=fit_stop, days=days)
        if not lines:
            lines += [f"| series | days ahead | {' | '.join(rivals)} | p, GARCH + AR to HAR |"]
            lines += ["|---|---|" + "---|" * (len(rivals) + 1)]
        outcome = np.stack([iv[days + horizon] for horizon in HORIZONS], axis=1)
        losses = {name: (forecast - outcome) ** 2 for name, forecast in rivals.items()}
        for column, horizon in enumerate(HORIZONS):
            base = losses[PERSISTENCE][:, column].mean()
            p = diebold_mariano(losses[BESIDE][:, column], losses["HAR(1,5,22)"][:, column], horizon)[1]
            cells = [f"{loss[:, column].mean() / base:.3f}" for loss in losses.values()]
            lines.append(f"| {history.symbol} | {horizon} | {' | '.join(cells)} | {p:.3f} |")
    return lines


def realised_table(path: Path, last: float) -> list[str]:
    """Realised variance of the next 1, 5, 21 days: mean QLIKE and squared error of GARCH beside two moving means."""
    prices = file_prices(path)
    returns = np.diff(np.log([prices[date] for date in sorted(prices)]))
    fit_stop = int(len(returns) * (1.0 - last))
    squares = returns**2
    garch = garch_variances(returns, fit_stop)
    smooth = np.empty_like(squares)
    level = squares[:21].mean()
    for day, square in enumerate(squares):
        level = _DECAY * level + (1.0 - _DECAY) * square
        smooth[day] = level
    days = np.arange(fit_stop, len(returns) - AHEAD)
    trailing = np.array([squares[day - 20 : day + 1].mean() for day in days])
    lines = ["| prices | days ahead | loss | 21-day mean | EWMA 0.94 | GARCH(1,1) |", "|---|---|---|---|---|---|"]
    for horizon in HORIZONS:
        realised = np.array([squares[day + 1 : day + 1 + horizon].mean() for day in days])
        forecasts = (trailing, smooth[days], garch[days, :horizon].mean(axis=1))
        qlike = [float(np.mean(np.log(f) + realised / f)) for f in forecasts]
        error = [float(np.mean((f - realised) ** 2)) for f in forecasts]
        lines.append(f"| {path.name} | {horizon} | QLIKE | {' | '.join(f'{value:.3f}' for value in qlike)} |")
        ratios = " | ".join(f"{value / error[0]:.3f}" for value in error)
        lines.append(f"| {path.name} | {horizon} | squared, relative | {ratios} |")
    return lines


BENCH = (
    "{shared}/spx_surface_1996_2015.csv.gz",
    "--also",
    "{shared}/vix_1990_2019.csv",
    "--prices",
    "{shared}/dollarbill/tsla_five_year.csv",
)
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Print both tables."""
    command = argparse.ArgumentParser(prog="python -m verify.figures garch", description=__doc__)
    command.add_argument("surface", type=Path, help="dated surfaces, whose strikes and moneyness give the prices")
    command.add_argument("--also", nargs="*", type=Path, default=[], metavar="FILE", help="other series, such as VIX")
    command.add_argument("--prices", nargs="*", type=Path, default=[], metavar="FILE", help="price files")
    command.add_argument("--last", type=float, default=0.25, help="share of each series to forecast (default 0.25)")
    options = command.parse_args(arguments)
    histories = [read_days(path) for path in (options.surface, *options.also)]
    lines = implied_table(histories, surface_prices(options.surface), options.last)
    for path in options.prices:
        lines += ["", *realised_table(path, options.last)]
    sys.stdout.write("\n".join(lines) + "\n")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
