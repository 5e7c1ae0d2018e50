"""Names, order, units and limits of a trade signal and of the answer to it: the one home of these facts.

Standard library only. `runtime/src/models/signal_classifier` holds the same and refuses an artifact with another.
"""

from collections.abc import Mapping

from train.core.contract import Column, Tensor, check_value
from train.core.errors import PipelineError

SIGNAL_CLASSIFIER = "signal_classifier"
MODEL_FILE = "model.skops"
TRUSTED_TYPES = ("train.signal_classifier.engineered_features.TradeFeatures",)
"""Types of this folder that the model file may hold."""
BRIER, OUTCOME = "Brier", "profitable"
"""The measure of the gate, and the array of its window that holds what came (0 or 1)."""

# Units are those of the engine's own Black-Scholes-Merton code. The limits admit every listed option (LEAPS and index
# options included) and refuse what can only be a mistake of unit or field.
SIGNAL_FEATURES = (
    Column("edge_percent", "percent", -100.0, 1e6, meaning="(model price - market mid) / market mid x 100"),
    Column("delta", "per $1 of spot", -1.0, 1.0, meaning="signed: calls positive, puts negative"),
    Column("gamma", "per $1 of spot", 0.0, 1e4, meaning="change of delta"),
    Column("vega", "$ per 1.00 of volatility", 0.0, 1e7, meaning="100 volatility points"),
    Column("theta", "$ per year", -1e8, 1e8, meaning="decay; negative for most long options"),
    Column("volume", "contracts", 0.0, 1e12, integer=True, meaning="traded today"),
    Column("open_interest", "contracts", 0.0, 1e12, integer=True, meaning="open at the start of the day"),
    Column("days_to_expiry", "calendar days", 0.0, 3650.0, integer=True, meaning="0 on the day of expiry"),
)
SIGNAL_INPUT = Tensor("features", ("batch", "feature"), SIGNAL_FEATURES)
SIGNAL_OUTPUT = Tensor(
    "confidence", ("batch",), (Column("confidence", "probability", 0.0, 1.0, meaning="P(profit) of the trade"),)
)
SIGNAL_NAMES = tuple(column.name for column in SIGNAL_FEATURES)

# What a trading history may hold besides the eight features.
HISTORY_LABELS = ("pnl", "is_profitable")
HISTORY_OPTIONAL = ("timestamp", "symbol", "closed")


def check_signal(signal: Mapping[str, object], where: str) -> tuple[float, ...]:
    """The eight features of one trade signal in contract order, as float64.

    Args:
        signal: field name -> number; every field exactly once, nothing else.
        where: what the message calls the source, for instance "signal 3".

    Raises:
        PipelineError: a field is unknown, missing, not a number, NaN, infinite, out of range or not whole.
    """
    unknown = [name for name in signal if name not in SIGNAL_NAMES]
    if unknown:
        raise PipelineError(f"{where}: unknown field {unknown[0]!r}; the fields are {', '.join(SIGNAL_NAMES)}")
    return tuple(check_value(signal.get(column.name), column, where) for column in SIGNAL_FEATURES)
