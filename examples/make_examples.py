"""Makes the example files of this folder from the built-in simulators.

Run from the repository root: python -m examples.make_examples
"""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

from train.core.files import write_atomic
from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES
from train.signal_classifier.simulator.market import simulate
from train.volatility_predictor.surfaces.daily_features import NODES, TENORS
from train.volatility_predictor.surfaces.simulator import simulate_surfaces, surface

HERE = Path(__file__).parent
SEED = 2026
DAYS = 30
TRADES = 2_000
FIRST_DAY = dt.date(2026, 1, 5)


def surface_rows() -> pd.DataFrame:
    """`DAYS` trading days of one simulated symbol, in the engine's columns with a leading date."""
    simulated = simulate_surfaces(1, DAYS, seed=SEED)
    dates = pd.bdate_range(FIRST_DAY, periods=DAYS).date
    rows = []
    for date, state, features in zip(dates, simulated.states, simulated.features[0], strict=True):
        volume = int(features[5]) // (len(TENORS) * len(NODES))
        for tenor, smile in zip(TENORS, surface(simulated.law, state)[0], strict=True):
            for node, volatility in zip(NODES, smile, strict=True):
                side = "Put" if node < 1 else "Call"
                rows.append((date, "SIM", 100 * node, round(tenor, 6), round(volatility, 4), node, side, volume))
    columns = ["Date", "Symbol", "Strike", "TimeToExpiry", "ImpliedVol", "Moneyness", "OptionType", "Volume"]
    return pd.DataFrame(rows, columns=columns)


def trade_rows() -> pd.DataFrame:
    """`TRADES` simulated trades, one every six hours, with their profit in $."""
    signals = simulate(TRADES, seed=SEED)
    frame = pd.DataFrame(signals.features, columns=list(SIGNAL_NAMES))
    whole = [column.name for column in SIGNAL_FEATURES if column.integer]
    frame = frame.round(6).astype(dict.fromkeys(whole, np.int64))
    frame.insert(0, "timestamp", pd.date_range("2025-01-06", periods=TRADES, freq="6h"))
    return frame.assign(pnl=np.round(signals.pnl, 4))


def main() -> None:
    """Write the files."""
    write_atomic(HERE / "surface.csv", surface_rows().to_csv(index=False))
    trades = trade_rows()
    write_atomic(HERE / "trades.csv", trades.to_csv(index=False))
    write_atomic(HERE / "signals.csv", trades[list(SIGNAL_NAMES)].head(20).to_csv(index=False))


if __name__ == "__main__":
    main()
