"""Fits the parts of the network that need it to run: LSTM and surface. TensorFlow is imported when it is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.tensorflow_start import start_tensorflow
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.windows import Ends, Series, grids_ahead, hide_features, log_changes, windows

Floats = NDArray[np.float64]

CHUNK = 2048
LEAST_GAIN = 0.02
"""Share of the squares left that the LSTM must explain on unseen days: what explained 1 % of those of two years made
the years after worse at every origin tried (2003 to 2009)."""
SURFACE_RIDGE = (1e-6, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e6)
"""Of each input's mean square: the first for today's surface, the best of all for each cell's changes."""


@dataclass(frozen=True)
class Prepared:
    """Preprocessed windows with outcomes: float64 [window, ...], the LSTM's inputs float32.

    `grids` [window, 1 + horizon, tenor, moneyness]: the grid on the newest day and at each horizon, over `avg_iv` of
    the newest day, NaN where not observed.
    """

    regressors: Floats
    moves: Floats
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
    from train.volatility_predictor.network.gaps import WINDOW_DAYS
    from train.volatility_predictor.network.network import preprocess_model

    model = preprocess_model(sequence_length)
    parts: list[list[Any]] = []
    for begin in range(0, len(ends), CHUNK):
        history = windows(series, ends.part(np.arange(begin, min(begin + CHUNK, len(ends)))), days=WINDOW_DAYS)
        if hide is not None:
            history = hide_features(history, hide)
        parts.append([np.asarray(part) for part in model(history, training=False)])
    regressors, moves, sequence, context, shape = (np.concatenate(part) for part in zip(*parts, strict=True))
    today = np.array([series[number].iv[day] for number, day in zip(ends.series, ends.day, strict=True)])
    grids = np.stack([grids_ahead(series, ends, days=days) for days in (0, *HORIZONS)], axis=1)
    relative = (grids / today[:, None, None, None]).astype(np.float32)
    changes = log_changes(series, ends)
    return Prepared(regressors, moves, sequence, context, shape, changes, relative, np.full(len(ends), weight))


def join(*parts: Prepared) -> Prepared:
    """All windows of several sets."""
    return Prepared(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Prepared)))


def scales(data: Prepared, interval: tuple[Floats, Floats]) -> Floats:
    """Half the width of the interval, float64 [window, horizon]; `interval` as `full_model` takes it."""
    return np.asarray(data.moves @ (interval[0] + interval[1]) * 0.5)


def scaled_errors(data: Prepared, linear: Floats, interval: tuple[Floats, Floats]) -> Floats:
    """What the linear path leaves, in units of the scale: float64 [window, horizon]."""
    return np.asarray((data.changes - data.regressors @ linear) / scales(data, interval))


def fit_residual(
    train: Prepared,
    validation: Prepared,
    targets: tuple[Floats, Floats],
    *,
    epochs: int,
    batch: int,
    judge: slice,
    show: Callable[[str], None],
) -> list[Any]:
    """Train the LSTM on what the linear path leaves; stop when the validation no longer improves.

    Args:
        train: windows to fit to.
        validation: windows that say when to stop.
        targets: what is left of both, see `scaled_errors`.
        epochs: at most.
        batch: windows a step.
        judge: of the validation, those that say how much of the answer pays: real ones, where there are some.
        show: called with a line of progress.

    Returns:
        Its weights: those of the best epoch, the last layer scaled so that each horizon's answer is as large as pays,
        and zero where it does not pay by `LEAST_GAIN`.
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

    answers = np.asarray(model.predict(rows[1], batch_size=4096, verbose=0), dtype=np.float64)[judge]
    left, weight = targets[1][judge], validation.weight[judge, None]
    gate = (weight * answers * left).sum(axis=0) / np.maximum((weight * answers * answers).sum(axis=0), 1e-12)
    gate = np.clip(gate, 0.0, 1.0)
    gain = 1.0 - (weight * (left - gate * answers) ** 2).sum(axis=0) / (weight * left * left).sum(axis=0)
    gate = np.where(gain >= LEAST_GAIN, gate, 0.0)
    show(f"volatility_predictor: the LSTM explains of what is left {_percent(gain)}, in use {_percent(gate)}")
    weights: list[Any] = model.get_weights()
    weights[-2:] = [part * gate.astype(np.float32) for part in weights[-2:]]
    return weights


def _percent(values: Floats) -> str:
    return ", ".join(f"{horizon} d {100.0 * value:.1f} %" for horizon, value in zip(HORIZONS, values, strict=True))


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
    now = _ridges(x, sides[0][:, 0], _evened(train), SURFACE_RIDGE[:1])[0]
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


def _evened(data: Prepared) -> Floats:
    """Weights with which the real windows that show a surface weigh as much as the simulated ones, which have 1 each.

    A pool has few smiles, the simulator any number.
    """
    real = (data.weight != 1.0) & np.isfinite(data.grids).any(axis=(1, 2, 3))
    return np.where(real, (data.weight == 1.0).sum() / max(int(real.sum()), 1), data.weight)


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
