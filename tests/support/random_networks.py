"""Seeded networks of layers of Keras drawn at random: whatever Keras itself builds, up to seven layers deep."""

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.figures.specimens.layers import with_random_weights

Random = np.random.Generator
Make = Callable[[Random], Any]
SMOOTH = ["tanh", "sigmoid", "relu", "gelu", "elu", "selu", "silu", "softplus", "linear", "hard_sigmoid", "leaky_relu"]
OTHERS = [*SMOOTH, "softmax", "mish", "celu", "hard_tanh", "log_softmax"]
INSIDE = ["tanh", "sigmoid", "softsign", "hard_sigmoid"]


def _pick(random: Random, values: Any) -> Any:
    return values[int(random.integers(len(values)))]


def _cell(random: Random, name: str) -> Any:
    import keras

    arguments: dict[str, Any] = {
        "units": int(random.integers(1, 5)),
        "return_sequences": bool(random.integers(2)),
        "go_backwards": bool(random.random() < 0.2),
        "use_bias": bool(random.random() < 0.8),
        "activation": _pick(random, INSIDE),
    }
    if name == "GRU":
        arguments["reset_after"] = bool(random.integers(2))
    if random.random() < 0.2:
        arguments["zero_output_for_mask"] = True
    return getattr(keras.layers, name)(**arguments)


def _window(random: Random) -> dict[str, Any]:
    return {"padding": _pick(random, ["same", "valid"]), "strides": _pick(random, [1, 1, 2])}


def pool(rank: int) -> dict[str, Make]:
    """Name -> a layer for tensors of a rank (beside the batch), made with random arguments."""
    from keras import layers as k

    any_rank: dict[str, Make] = {
        "Dense": lambda r: k.Dense(int(r.integers(1, 6)), activation=_pick(r, SMOOTH), use_bias=bool(r.integers(2))),
        "Activation": lambda r: k.Activation(_pick(r, OTHERS)),
        "LayerNormalization": lambda r: k.LayerNormalization(
            center=bool(r.integers(2)), epsilon=_pick(r, [1e-3, 1e-6])
        ),
        "BatchNormalization": lambda r: k.BatchNormalization(scale=bool(r.integers(2))),
        "Dropout": lambda _: k.Dropout(0.3),
        "PReLU": lambda _: k.PReLU(),
        "ReLU": lambda r: k.ReLU(max_value=_pick(r, [None, 2.0]), negative_slope=_pick(r, [0.0, 0.1])),
        "Rescaling": lambda r: k.Rescaling(0.5, offset=_pick(r, [0.0, -1.0])),
        "UnitNormalization": lambda _: k.UnitNormalization(),
        "Softmax": lambda _: k.Softmax(),
        "Identity": lambda _: k.Identity(),
        "GaussianNoise": lambda _: k.GaussianNoise(0.1),
        "RMSNormalization": lambda _: k.RMSNormalization(),
    }
    of_rank: dict[int, dict[str, Make]] = {
        1: {"RepeatVector": lambda r: k.RepeatVector(int(r.integers(2, 5)))},
        2: {
            "LSTM": lambda r: _cell(r, "LSTM"),
            "GRU": lambda r: _cell(r, "GRU"),
            "SimpleRNN": lambda r: _cell(r, "SimpleRNN"),
            "Bidirectional": lambda r: k.Bidirectional(
                _cell(r, _pick(r, ["LSTM", "GRU"])), merge_mode=_pick(r, ["concat", "sum", "mul", "ave"])
            ),
            "Masking": lambda r: k.Masking(_pick(r, [0.0, -1.0])),
            "Conv1D": lambda r: k.Conv1D(int(r.integers(1, 5)), 2, activation=_pick(r, SMOOTH), **_window(r)),
            "SeparableConv1D": lambda _: k.SeparableConv1D(3, 2, padding="same"),
            "MaxPooling1D": lambda r: k.MaxPooling1D(2, padding=_pick(r, ["same", "valid"])),
            "AveragePooling1D": lambda r: k.AveragePooling1D(2, padding=_pick(r, ["same", "valid"])),
            "GlobalAveragePooling1D": lambda _: k.GlobalAveragePooling1D(),
            "GlobalMaxPooling1D": lambda _: k.GlobalMaxPooling1D(),
            "Permute": lambda _: k.Permute((2, 1)),
            "TimeDistributed": lambda r: k.TimeDistributed(k.Dense(3, activation=_pick(r, SMOOTH))),
            "SpatialDropout1D": lambda _: k.SpatialDropout1D(0.2),
            "ZeroPadding1D": lambda _: k.ZeroPadding1D(1),
            "Cropping1D": lambda _: k.Cropping1D((1, 0)),
            "UpSampling1D": lambda _: k.UpSampling1D(2),
            "Flatten": lambda _: k.Flatten(),
            "GroupNormalization": lambda _: k.GroupNormalization(-1),
            "RNN": lambda r: k.RNN([k.LSTMCell(3), k.GRUCell(2)], return_sequences=bool(r.integers(2))),
        },
        3: {
            "Conv2D": lambda r: k.Conv2D(int(r.integers(1, 5)), 2, activation=_pick(r, SMOOTH), **_window(r)),
            "DepthwiseConv2D": lambda r: k.DepthwiseConv2D(2, **_window(r)),
            "Conv2DTranspose": lambda r: k.Conv2DTranspose(2, 2, **_window(r)),
            "MaxPooling2D": lambda r: k.MaxPooling2D(2, padding=_pick(r, ["same", "valid"])),
            "AveragePooling2D": lambda r: k.AveragePooling2D(2, padding=_pick(r, ["same", "valid"])),
            "GlobalAveragePooling2D": lambda _: k.GlobalAveragePooling2D(),
            "GlobalMaxPooling2D": lambda _: k.GlobalMaxPooling2D(),
            "UpSampling2D": lambda r: k.UpSampling2D(2, interpolation=_pick(r, ["nearest", "bilinear"])),
            "ZeroPadding2D": lambda _: k.ZeroPadding2D(1),
            "Cropping2D": lambda _: k.Cropping2D(1),
            "RandomFlip": lambda _: k.RandomFlip(),
            "ConvLSTM1D": lambda _: k.ConvLSTM1D(2, 2),
            "Flatten": lambda _: k.Flatten(),
            "TimeDistributed": lambda _: k.TimeDistributed(k.LSTM(2)),
        },
    }
    return {**any_rank, **of_rank.get(rank, {})}


def _entry(random: Random, number: int) -> tuple[Any, Any]:
    """An input, and the first tensor that is made of it."""
    import keras

    kind = _pick(random, ["row", "steps", "steps", "words", "picture"])
    if kind == "words":
        entry = keras.Input((5,), dtype="int32", name=f"in{number}")
        return entry, keras.layers.Embedding(9, 3, mask_zero=bool(random.integers(2)))(entry)
    shape = {"row": (4,), "steps": (6, 3), "picture": (6, 5, 2)}[kind]
    entry = keras.Input(shape, name=f"in{number}")
    return entry, entry


def _joined(random: Random, now: Any, before: list[Any]) -> Any:
    """The tensor merged with another of its shape, or attending to one with as many features."""
    from keras import layers as k

    alike = [other for other in before if other.shape == now.shape]
    if len(now.shape) == 3 and random.random() < 0.5:
        which = _pick(random, ["MultiHeadAttention", "Attention", "AdditiveAttention", "GroupQueryAttention"])
        if which in ("Attention", "AdditiveAttention"):
            return getattr(k, which)()([now, now], use_causal_mask=bool(random.integers(2)))
        layer = k.MultiHeadAttention(2, 3) if which == "MultiHeadAttention" else k.GroupQueryAttention(2, 4, 2)
        return layer(now, now, use_causal_mask=bool(random.integers(2)))
    if not alike:
        return now * 0.5 + 1.0
    kind = _pick(random, ["Add", "Multiply", "Subtract", "Average", "Maximum", "Minimum", "Concatenate"])
    return getattr(k, kind)()([now, _pick(random, alike)])


def random_network(seed: int) -> tuple[Any, list[str]]:
    """A network with seeded weights, and the layers that it was made of, in order."""
    import keras

    random = np.random.default_rng(seed)
    entries, ends, used = [], [], []
    for number in range(1 if random.random() < 0.75 else 2):
        entry, now = _entry(random, number)
        entries.append(entry)
        before: list[Any] = []
        for _ in range(int(random.integers(2, 7))):
            joins = random.random() < 0.2
            layers = pool(len(now.shape) - 1)
            name = "joined" if joins else _pick(random, list(layers))
            try:
                made = _joined(random, now, before) if joins else layers[name](random)(now)
            except (ValueError, TypeError):
                continue  # Keras refuses the combination
            before.append(now)
            now = made
            used.append(name)
        ends.append(now)
    form = _pick(random, ["plain", "list", "dict"])
    answer: Any = ends[0] if len(ends) == 1 and form == "plain" else ends
    if form == "dict":
        answer = {f"answer{i}": end for i, end in enumerate(ends)}
    model = keras.Model(entries if len(entries) > 1 else entries[0], answer)
    return with_random_weights(model, seed=seed), used
