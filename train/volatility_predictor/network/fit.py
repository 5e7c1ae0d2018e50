"""Fits the parts of the network: linear path, scale, LSTM, quantiles. TensorFlow is imported when it is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from train.core.tensorflow_start import start_tensorflow
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.windows import Ends, Series, grids_ahead, hide_features, log_changes, windows

Floats = NDArray[np.float64]

CHUNK = 2048
RIDGE = 1e-3
"""Of the mean square of each regressor, which are of different sizes."""
COVERAGE = 0.8
SURFACE_RIDGE = (1e-6, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e6)
"""As `RIDGE`, for the surface: the first for today's, the best of all for each cell's change to each horizon."""


@dataclass(frozen=True)
class Prepared:
    """Preprocessed windows with outcomes: float64 [window, ...], the LSTM's inputs float32.

    `grids` [window, 1 + horizon, tenor, moneyness]: the grid on the newest day and at each horizon, over `avg_iv` of
    the newest day, NaN where not observed.
    """

    regressors: Floats
    variances: Floats
    sequence: NDArray[np.float32]
    context: NDArray[np.float32]
    shape: Floats
    changes: Floats
    grids: NDArray[np.float32]
    weight: Floats

    def __len__(self) -> int:
        return len(self.weight)


def set_up_tensorflow(random_state: int) -> str:
    """Seeds, deterministic operators, and the name of the device that training will use."""
    start_tensorflow()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(random_state)
    tf.config.experimental.enable_op_determinism()
    devices = tf.config.list_physical_devices("GPU")
    return f"GPU ({len(devices)})" if devices else "CPU"


def prepare(
    series: Sequence[Series],
    ends: Ends,
    sequence_length: int,
    *,
    hide: np.random.Generator | None = None,
    weight: float = 1.0,
) -> Prepared:
    """Run the network's own preprocessing over the windows, some thousand at a time.

    Args:
        series: where the windows lie.
        ends: where they end; those without a known outcome at the longest horizon must not be among them.
        sequence_length: days that the LSTM sees.
        hide: hides features at random when given.
        weight: of each window in every fit.
    """
    from train.volatility_predictor.network.network import WINDOW_DAYS, preprocess_model

    model = preprocess_model(sequence_length)
    parts: list[list[Any]] = []
    for begin in range(0, len(ends), CHUNK):
        history = windows(series, ends.part(np.arange(begin, min(begin + CHUNK, len(ends)))), days=WINDOW_DAYS)
        if hide is not None:
            history = hide_features(history, hide)
        parts.append([np.asarray(part) for part in model(history, training=False)])
    regressors, variances, sequence, context, shape = (np.concatenate(part) for part in zip(*parts, strict=True))
    today = np.array([series[number].iv[day] for number, day in zip(ends.series, ends.day, strict=True)])
    grids = np.stack([grids_ahead(series, ends, days=days) for days in (0, *HORIZONS)], axis=1)
    relative = (grids / today[:, None, None, None]).astype(np.float32)
    changes = log_changes(series, ends)
    return Prepared(regressors, variances, sequence, context, shape, changes, relative, np.full(len(ends), weight))


def join(*parts: Prepared) -> Prepared:
    """All windows of several sets."""
    return Prepared(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Prepared)))


def fit_linear(data: Prepared) -> Floats:
    """Ridge regression of the log changes, float64 [regressor, horizon].

    Windows count by the inverse of a year's mean squared daily change, so that wild and calm symbols weigh alike, but a
    symbol's wild months, on which its squared errors in volatility depend most, as much as its calm ones.
    """
    weights = data.weight / data.variances[:, 2]
    x, y = data.regressors, data.changes
    penalty = RIDGE * np.diag((weights[:, None] * x * x).sum(axis=0) + 1e-12)
    return np.asarray(np.linalg.solve(x.T @ (weights[:, None] * x) + penalty, x.T @ (weights[:, None] * y)))


def fit_scale(data: Prepared, linear: Floats) -> Floats:
    """Weights, not negative, with which the mean squared changes explain the squared errors: [variance, horizon]."""
    squares = (data.changes - data.regressors @ linear) ** 2
    unit = data.variances[:, 1]
    # Squares have heavy tails: what is ten times as large as usual counts as that.
    usual = unit[:, None] * (squares / unit[:, None]).mean(axis=0)
    capped = np.minimum(squares, 10.0 * usual)
    root = np.sqrt(data.weight) / unit
    columns = [nnls(data.variances * root[:, None], capped[:, i] * root)[0] for i in range(len(HORIZONS))]
    return np.stack(columns, axis=1) + 1e-3


def scaled_errors(data: Prepared, linear: Floats, scale: Floats) -> Floats:
    """What the linear path leaves, in units of the scale: float64 [window, horizon]."""
    return np.asarray((data.changes - data.regressors @ linear) / np.sqrt(data.variances @ scale))


def fit_residual(
    train: Prepared,
    validation: Prepared,
    targets: tuple[Floats, Floats],
    *,
    epochs: int,
    batch: int,
    show: Callable[[str], None],
) -> tuple[list[Any], Floats]:
    """Train the LSTM on what the linear path leaves; stop when the validation no longer improves.

    Returns:
        Its weights (those of the best epoch, the last layer scaled so that each horizon's answer is as large as pays on
        the validation, and zero where it does not pay), and its answers there, float64 [window, horizon].
    """
    import keras

    from train.volatility_predictor.network.network import residual_model

    model = residual_model(train.sequence.shape[1:], train.context.shape[1])
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=keras.losses.Huber(3.0))
    rows = [[data.sequence, data.context] for data in (train, validation)]
    model.fit(
        rows[0],
        targets[0].astype(np.float32),
        sample_weight=train.weight.astype(np.float32),
        validation_data=(rows[1], targets[1].astype(np.float32), validation.weight.astype(np.float32)),
        epochs=epochs,
        batch_size=batch,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=3, min_delta=2e-5, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.3),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: show(
                    f"volatility_predictor: epoch {epoch + 1}/{epochs} at most, validation loss {logs['val_loss']:.5f}"
                )
            ),
        ],
    )

    def answer() -> Floats:
        return np.asarray(model.predict(rows[1], batch_size=4096, verbose=0), dtype=np.float64)

    answers = answer()
    weighted = validation.weight[:, None] * answers
    gate = (weighted * targets[1]).sum(axis=0) / np.maximum((weighted * answers).sum(axis=0), 1e-12)
    gate = np.clip(gate, 0.0, 1.0).astype(np.float32)
    weights = model.get_weights()
    weights[-2:] = [weight * gate for weight in weights[-2:]]
    model.set_weights(weights)
    return weights, answer()


def fit_shape(train: Prepared, validation: Prepared) -> tuple[Floats, Floats]:
    """Regress the surface's cells over their mean on the network's inputs for them.

    First today's, which have no noise, then by how much they change to each horizon, shrunk towards no change as much
    as the validation asks for. Cells that were not observed do not count; windows count as much as the mean has grown
    by then, for E(cell) / E(mean) is what times a forecast of the mean gives one of the cell.

    Returns:
        float64 [input, horizon x tenor x moneyness] and the intercepts, [horizon x tenor x moneyness].
    """
    sides = [_cells_over_mean(data) for data in (train, validation)]
    x, y = (np.column_stack([data.shape, np.ones(len(data))]) for data in (train, validation))
    now = _ridges(x, sides[0][:, 0], train.weight, SURFACE_RIDGE[:1])[0]
    parts = []
    for column in range(len(HORIZONS)):
        later, held = (side[:, 1 + column] - side[:, 0] for side in sides)
        weights = [data.weight * np.exp(data.changes[:, column]) for data in (train, validation)]
        tried = _ridges(x, later, weights[0], SURFACE_RIDGE)
        losses = [np.nansum(weights[1][:, None] * (held - y @ found) ** 2, axis=0) for found in tried]
        best = np.argmin(losses, axis=0)
        parts.append(now + np.take_along_axis(np.stack(tried), best[None, None, :], axis=0)[0])
    total = np.concatenate(parts, axis=1)
    return total[:-1], total[-1]


def _cells_over_mean(data: Prepared) -> Floats:
    """Float64 [window, 1 + horizon, tenor x moneyness], NaN unknown."""
    mean = np.exp(np.concatenate([np.zeros((len(data), 1)), data.changes], axis=1))
    return np.asarray((data.grids / mean[:, :, None, None]).reshape(*mean.shape, -1))


def _ridges(x: Floats, y: Floats, weight: Floats, ridges: Sequence[float]) -> list[Floats]:
    """Weighted ridge regressions of each column of `y` on its known rows: float64 [input, column] for each ridge."""
    known = ~np.isnan(y)
    results = [np.zeros((x.shape[1], y.shape[1])) for _ in ridges]
    for pattern in np.unique(known, axis=1).T:
        columns = np.flatnonzero((known == pattern[:, None]).all(axis=0))
        rows = x[pattern]
        weighted = rows * weight[pattern, None]
        square, product = weighted.T @ rows, weighted.T @ y[np.ix_(pattern, columns)]
        # The last input is 1, its coefficient is not shrunk.
        size = np.diag(square) * (np.arange(x.shape[1]) < x.shape[1] - 1)
        for result, ridge in zip(results, ridges, strict=True):
            result[:, columns] = np.linalg.solve(square + np.diag(ridge * size + 1e-9), product)
    return results


def fit_quantiles(errors: Floats) -> tuple[Floats, Floats]:
    """Split-conformal bounds of the central 80 % of scaled errors on windows that no fit saw, one pair a horizon.

    With n errors the ceil((n + 1) q)-th smallest bounds a new one with probability q or more (Vovk et al. 2005).
    """
    ordered = np.sort(errors, axis=0)
    count = len(ordered)
    tail = (1.0 - COVERAGE) / 2.0
    high = min(int(np.ceil((count + 1) * (1.0 - tail))), count) - 1
    return ordered[count - 1 - high], ordered[high]
