"""The one home of names, order, dtype, unit and allowed range of everything that crosses a boundary.

Standard library only. `export` copies these facts into `manifest.json`; the Rust runtime reads them there and refuses
an artifact whose columns are not the ones it was compiled for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from train.errors import PipelineError

SIGNAL_CLASSIFIER = "signal_classifier"
VOLATILITY_PREDICTOR = "volatility_predictor"
MODELS = (SIGNAL_CLASSIFIER, VOLATILITY_PREDICTOR)


@dataclass(frozen=True)
class Column:
    """One column of a tensor: a float64 unless `integer`, which is a whole number stored in a float64.

    `minimum` and `maximum` are inclusive limits of what is accepted at all; they are wide, and say nothing about the
    range a model was trained on.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    integer: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class Tensor:
    """A named input or output of a graph: float64, axes named, the last axis described by `columns` if it has any."""

    name: str
    axes: tuple[str, ...]
    columns: tuple[Column, ...] = ()


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
HISTORY_OPTIONAL = ("timestamp", "symbol")

# The grid of a day's features and of the forecast surface. Rust holds the same and refuses a manifest with another.
GRID_TENOR_DAYS = (30, 60, 91, 182, 365)
"""Calendar days to expiry; a year has 365."""
GRID_MONEYNESS = (0.90, 0.95, 1.00, 1.05, 1.10)
"""Strike / spot."""

# One day of one symbol's surface. `train.daily_features` computes them (formulas and sources there), and so does
# `runtime/src/surface.rs`, to the same bits. NaN marks what the day's quotes could not tell; a day counts as known
# when `avg_iv` is known.
DAILY_FEATURES = (
    Column("avg_iv", "per year, decimal", 0.01, 5.0, meaning="implied volatility, mean over 5 tenors x 5 moneynesses"),
    Column("atm_iv", "per year, decimal", 0.01, 5.0, meaning="implied volatility at the money, 30 days"),
    Column("skew", "per year, decimal", -5.0, 5.0, meaning="IV at moneyness 0.95 less IV at 1.05, 30 days"),
    Column(
        "curvature", "per year, decimal", -5.0, 5.0, meaning="mean of IV at 0.95 and 1.05, less IV at 1.00, 30 days"
    ),
    Column("term_slope", "per year, decimal", -5.0, 5.0, meaning="IV at the money, 91 days less 30 days"),
    Column("volume", "contracts", 0.0, 1e15, meaning="traded that day over all quotes"),
    Column("quotes", "quotes", 1.0, 1e9, integer=True, meaning="how many clean quotes the day's features rest on"),
)
DAILY_NAMES = tuple(column.name for column in DAILY_FEATURES)

# Days are trading days, oldest first, the newest last; days before the first known one are NaN.
VOLATILITY_INPUT = Tensor("history", ("batch", "day", "feature"), DAILY_FEATURES)
# avg_iv so many trading days ahead, the bounds of its central 80 % interval, and the implied volatilities on the grid,
# free of calendar and butterfly arbitrage, whose mean is `predicted`.
SURFACE_OUTPUT = Tensor("surface", ("batch", "horizon", "tenor", "moneyness"))
VOLATILITY_OUTPUTS = (*(Tensor(name, ("batch", "horizon")) for name in ("predicted", "lower", "upper")), SURFACE_OUTPUT)
HORIZONS = (1, 5, 21)


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


def check_value(value: object, column: Column, where: str) -> float:
    """`value` as a float64 that lies within the limits of `column`; a PipelineError that names the field if not."""
    if value is None:
        raise PipelineError(f"{where}: field {column.name!r} is missing ({column.unit})")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PipelineError(f"{where}: field {column.name!r} must be a number, found {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise PipelineError(f"{where}: field {column.name!r} must be finite, found {number}")
    if not column.minimum <= number <= column.maximum:
        limits = f"{column.minimum:g}..{column.maximum:g} {column.unit}"
        raise PipelineError(f"{where}: field {column.name!r} must lie in {limits}, found {number:g}")
    if column.integer and number != math.floor(number):
        raise PipelineError(f"{where}: field {column.name!r} must be a whole number, found {number!r}")
    return number
