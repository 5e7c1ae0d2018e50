"""Names, order, units and limits of a day of a surface and of the forecast: the one home of these facts.

Standard library only. `runtime/src/models/volatility_predictor` holds the same and refuses an artifact with another.
Settings in the manifest, all read by the runtime: `window_days` (length of the time axis), `minimum_days` (known days
below which there is no forecast), `horizons` (trading days ahead, in the order of the outputs' second axis),
`tenor_days` and `moneyness` (the surface's grid: calendar days to expiry, strike / spot). A surface is free of calendar
and butterfly arbitrage, and its mean is `predicted` up to rounding; between points of the grid total variance is linear
in the log of moneyness and in time. Settings that may be absent: `baselines`, one list a horizon of coefficients of the
simple forecasts that stand beside the model's: `ar` (one), `har` (three) and `ewma` (one, a decay in 0..1), formulas in
`network/shipped_baselines.py`; `beaten_by`, for each horizon the name of a simple forecast that did better on unseen
data, or null.
"""

from train.core.contract import Column, Tensor

VOLATILITY_PREDICTOR = "volatility_predictor"

# The grid of a day's features and of the forecast surface. Rust holds the same and refuses a manifest with another.
GRID_TENOR_DAYS = (30, 60, 91, 182, 365)
"""Calendar days to expiry; a year has 365."""
GRID_MONEYNESS = (0.90, 0.95, 1.00, 1.05, 1.10)
"""Strike / spot."""

# One day of one symbol's surface. `surfaces.daily_features` computes them (formulas and sources there), and so does
# `runtime/src/surface/features.rs`, to the same bits. NaN marks what the day's quotes could not tell; a day counts as
# known when `avg_iv` is known.
DAILY_FEATURES = (
    Column(
        "avg_iv",
        "per year, decimal",
        0.01,
        5.0,
        meaning="implied volatility, mean over 5 tenors x 5 moneynesses",
        missing=True,
    ),
    Column("atm_iv", "per year, decimal", 0.01, 5.0, meaning="implied volatility at the money, 30 days", missing=True),
    Column(
        "skew", "per year, decimal", -5.0, 5.0, meaning="IV at moneyness 0.95 less IV at 1.05, 30 days", missing=True
    ),
    Column(
        "curvature",
        "per year, decimal",
        -5.0,
        5.0,
        meaning="mean of IV at 0.95 and 1.05, less IV at 1.00, 30 days",
        missing=True,
    ),
    Column("term_slope", "per year, decimal", -5.0, 5.0, meaning="IV at the money, 91 days less 30 days", missing=True),
    Column("volume", "contracts", 0.0, 1e15, meaning="traded that day over all quotes", missing=True),
    Column(
        "quotes",
        "quotes",
        1.0,
        1e9,
        integer=True,
        meaning="how many clean quotes the day's features rest on",
        missing=True,
    ),
)
DAILY_NAMES = tuple(column.name for column in DAILY_FEATURES)

# Days are trading days, oldest first, the newest last; days before the first known one are NaN.
VOLATILITY_INPUT = Tensor("history", ("batch", "day", "feature"), DAILY_FEATURES)
# avg_iv so many trading days ahead, the bounds of its central 80 % interval, and the implied volatilities on the grid,
# free of calendar and butterfly arbitrage, whose mean is `predicted`.
SURFACE_OUTPUT = Tensor("surface", ("batch", "horizon", "tenor", "moneyness"))
VOLATILITY_OUTPUTS = (*(Tensor(name, ("batch", "horizon")) for name in ("predicted", "lower", "upper")), SURFACE_OUTPUT)
HORIZONS = (1, 5, 21)
