"""keras.ops in functional models: as Keras answers, or refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.keras.agreement import check_agreement
from export.keras.compile import compile_keras
from export.keras.seeded_batch import seeded_batch
from train.core.errors import PipelineError

pytestmark = pytest.mark.slow

FRESH, ROWS = 77, 100
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "log1p": lambda o, x: o.log1p(o.abs(x)),
    "log1p, small": lambda o, x: o.log1p(x * 1e-4),
    "expm1": lambda o, x: o.expm1(o.clip(x, -20.0, 20.0)),
    "log2 and log10": lambda o, x: o.log2(o.abs(x) + 1.0) + o.log10(o.abs(x) + 1.0),
    "exp2": lambda o, x: o.exp2(o.clip(x, -5.0, 5.0)),
    "is finite": lambda o, x: o.isfinite(x),
    "NaN to numbers": lambda o, x: o.nan_to_num(x, nan=-1.0),
    "divided or nothing": lambda o, x: o.divide_no_nan(x, o.relu(x)),
    "no gradient": lambda o, x: o.stop_gradient(x) * 2.0,
    "shrinks": lambda o, x: (
        o.hard_shrink(x, 0.2) + o.soft_shrink(x, 0.3) + o.squareplus(x, 3) + o.threshold(x, 0.1, 7.0)
    ),
    "sums so far": lambda o, x: o.cumsum(x, axis=1),
    "variance": lambda o, x: o.var(x, axis=-1),
    "deviation": lambda o, x: o.std(x, axis=(1, 2), keepdims=True),
    "log of sums": lambda o, x: o.logsumexp(x, axis=-1),
    "log of sums, kept": lambda o, x: o.logsumexp(x, axis=1, keepdims=True),
    "length": lambda o, x: o.norm(x, axis=-1),
    "other lengths": lambda o, x: o.norm(x, ord=1, axis=1) + o.norm(x, ord=np.inf, axis=1),
    "normalised": lambda o, x: o.normalize(x, axis=-1),
    "where largest": lambda o, x: o.argmax(x, axis=1),
    "where smallest": lambda o, x: o.argmin(x, axis=-1, keepdims=True),
    "sorted": lambda o, x: o.sort(o.nan_to_num(x), axis=1),
    "the two largest": lambda o, x: list(o.top_k(o.nan_to_num(x), 2)),
    "ones at places": lambda o, x: o.one_hot(o.cast(o.clip(o.nan_to_num(x), -2, 9), "int32"), 4),
    "equal parts": lambda o, x: o.split(x, 2, axis=1),
    "parts at places": lambda o, x: o.split(x, [1, 4], axis=-2),
    "each step": lambda o, x: o.unstack(x, axis=1),
    "the other way round": lambda o, x: o.flip(x, axis=(1, 2)),
    "zeros around": lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 1))),
    "a number around": lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=3.0),
    "each twice": lambda o, x: o.repeat(x, 2, axis=1),
    "each as often": lambda o, x: o.repeat(x, [1, 2, 3], axis=2),
    "the whole twice": lambda o, x: o.tile(x, (1, 2, 3)),
    "axes swapped": lambda o, x: o.swapaxes(x, 1, -1),
    "an axis moved": lambda o, x: o.moveaxis(o.expand_dims(x, 1), -1, 1),
    "some places": lambda o, x: o.take(x, [0, -1, 2], axis=1),
    "einsum": lambda o, x: o.einsum("bij,bkj->bik", x, x * 0.5),
    "einsum with constants": lambda o, x: o.einsum("bij,jk->bik", x, np.eye(3, 2, dtype=np.float32)),
    "every second": lambda _, x: x[:, ::2],
    "backwards": lambda _, x: x[:, ::-1, 1:],
    "from the end": lambda _, x: x[:, -2:, :-1],
    "an ellipsis": lambda _, x: x[..., 0],
    "a new axis": lambda _, x: x[:, None, 1, :, None],
    "a constant tensor": lambda o, x: x + o.cast(o.reshape(o.arange(18), (6, 3)), "float32"),
    "largest and lowest": lambda o, x: o.amax(x, axis=1) - o.amin(x, axis=1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_function_of_keras_answers_as_in_keras(case: str) -> None:
    import keras

    entry = keras.Input((6, 3), name="x")
    model = keras.Model(entry, CASES[case](keras.ops, entry))

    check_agreement(model, compile_keras(model, name="m"), seeded_batch(model, seed=FRESH, rows=ROWS))


REFUSED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "rows of the batch": (lambda _, x: x[1:, :], "rows of the batch"),
    "a row of the batch": (lambda _, x: x[0], "rows of the batch"),
    "the batch the other way round": (lambda o, x: o.flip(x, axis=0), "axis=0 has no lowering"),
    "sums over the batch": (lambda o, x: o.cumsum(x, axis=0), "axis=0 has no lowering"),
    "variance over all": (lambda o, x: o.var(x), "axis=None has no lowering"),
    "zeros around the batch": (lambda o, x: o.pad(x, 1), "beside the batch"),
    "mirrored": (lambda o, x: o.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect"), "mode='reflect'"),
    "of matrices": (lambda o, x: o.norm(x, axis=(1, 2)), "of matrices"),
    "einsum over the batch": (lambda o, x: o.einsum("bij,cij->bc", x, x), "depends on what else is in the batch"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_mix_rows_or_has_no_lowering_is_refused_by_name(case: str) -> None:
    import keras

    make, said = REFUSED[case]
    entry = keras.Input((6, 3), name="x")
    model = keras.Model(entry, make(keras.ops, entry))

    with pytest.raises(PipelineError, match=said):
        compile_keras(model, name="m")


@pytest.mark.parametrize("inner_takes", ["dict", "list"])
def test_a_model_in_a_model_takes_its_inputs_by_name(inner_takes: str) -> None:
    import keras

    k = keras.layers
    p, q = keras.Input((3,), name="p"), keras.Input((2,), name="q")
    inner = keras.Model({"q": q, "p": p} if inner_takes == "dict" else [q, p], k.Dense(2)(k.concatenate([p, q * 3.0])))
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    model = keras.Model([a, b], inner({"p": a, "q": b} if inner_takes == "dict" else [b, a]))

    check_agreement(model, compile_keras(model, name="m"), seeded_batch(model, seed=FRESH, rows=ROWS))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_windows_that_are_all_missing_are_no_reason_to_refuse_a_pooling(rank: int) -> None:
    import keras

    k = keras.layers
    convolution, pool = getattr(k, f"Conv{rank}D"), getattr(k, f"MaxPooling{rank}D")
    model = keras.Sequential(
        [keras.Input((*(6, 6, 6)[:rank], 1), name="x"), convolution(4, 3), pool(2), k.Flatten(), k.Dense(2)]
    )
    check_agreement(model, compile_keras(model, name="m"), seeded_batch(model, seed=FRESH, rows=ROWS))
