"""The last days of one unseen series for the report: forecast, interval and what came, a curve for each horizon."""

from train.core.records.evidence import MOST_DAYS, Forecasts
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.forecasts import NETWORK, Evaluated


def forecast_curves(tested: Evaluated) -> list[Forecasts]:
    """One curve a horizon, at most `MOST_DAYS` days, in the unit of avg_iv."""
    last = slice(-MOST_DAYS, None)
    return [
        Forecasts(
            name=f"{tested.name}, {horizon} trading day{'s' if horizon > 1 else ''} ahead",
            unit="implied volatility",
            interval="80 % interval",
            forecast=tested.forecasts[NETWORK][last, column].tolist(),
            lower=tested.lower[last, column].tolist(),
            upper=tested.upper[last, column].tolist(),
            outcome=tested.outcome[last, column].tolist(),
        )
        for column, horizon in enumerate(HORIZONS)
    ]
