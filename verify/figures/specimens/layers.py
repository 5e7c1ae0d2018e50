"""One network around each layer of Keras: what the table of layers and the tests of the compiler are made with."""

import inspect
from typing import Any

import numpy as np

STEPS, ROW, PICTURE, VOLUME = (6, 4), (5,), (7, 8, 3), (4, 5, 6, 2)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Dense": {"units": 3},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d"},
    "Activation": {"activation": "relu"},
    "LSTM": {"units": 3},
    "GRU": {"units": 3},
    "SimpleRNN": {"units": 3},
    "Embedding": {"input_dim": 7, "output_dim": 3},
    "ReversibleEmbedding": {"input_dim": 7, "output_dim": 3},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 3},
    "GroupedQueryAttention": {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
    "Rescaling": {"scale": 0.5},
    "RepeatVector": {"n": 3},
    "Reshape": {"target_shape": (4, 6)},
    "Permute": {"dims": (2, 1)},
    "Dot": {"axes": 1},
    "GroupNormalization": {"groups": 2},
    "Dropout": {"rate": 0.2},
    "SpatialDropout1D": {"rate": 0.2},
    "SpatialDropout2D": {"rate": 0.2},
    "SpatialDropout3D": {"rate": 0.2},
    "GaussianDropout": {"rate": 0.2},
    "AlphaDropout": {"rate": 0.2},
    "GaussianNoise": {"stddev": 0.2},
    "Normalization": {"mean": [0.5, 1.0, -2.0, 3.0], "variance": [1.0, 4.0, 0.25, 2.0]},
    "Discretization": {"bin_boundaries": [-0.5, 0.0, 1.5]},
    "CategoryEncoding": {"num_tokens": 8},
    "IntegerLookup": {"vocabulary": [3, 5, 6]},
    "StringLookup": {"vocabulary": ["up", "down"]},
    "TextVectorization": {"vocabulary": ["up", "down"], "output_sequence_length": 4},
    "Hashing": {"num_bins": 5},
    "HashedCrossing": {"num_bins": 5},
    "STFTSpectrogram": {"frame_length": 16},
    "MelSpectrogram": {"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 4},
    "CenterCrop": {"height": 4, "width": 5},
    "Resizing": {"height": 4, "width": 5},
    "RandomCrop": {"height": 4, "width": 5},
    "RandomPosterization": {"factor": 3},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "MaxNumBoundingBoxes": {"max_number": 3},
    **{f"{kind}{rank}D": {"filters": 4, "kernel_size": 2} for kind in ("Conv", "SeparableConv") for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": {"filters": 4, "kernel_size": 2} for rank in (1, 2, 3)},
    **{f"ConvLSTM{rank}D": {"filters": 2, "kernel_size": 2} for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": {"kernel_size": 2} for rank in (1, 2)},
    **{f"AveragePooling{rank}D": {"pool_size": 2} for rank in (1, 2, 3)},
    **{f"Adaptive{kind}Pooling{rank}D": {"output_size": 3} for kind in ("Average", "Max") for rank in (1, 2, 3)},
}
FACTORS = (
    "RandomBrightness RandomColorDegeneration RandomContrast RandomHue RandomRotation RandomSaturation RandomSharpness"
)
ARGUMENTS |= {name: {"factor": 0.2} for name in FACTORS.split()}
INNER = {"Bidirectional": "LSTM", "TimeDistributed": "Dense", "SpectralNormalization": "Dense", "RNN": "LSTMCell"}
"""Layers that are given another one."""
WORDS = ("Embedding", "ReversibleEmbedding", "CategoryEncoding", "IntegerLookup", "Hashing")
TEXTS = ("StringLookup", "TextVectorization")
PAIRS: tuple[str, ...] = (
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "Dot",
    "Attention",
)
PAIRS += ("AdditiveAttention", "HashedCrossing")
SELF = ("MultiHeadAttention", "GroupedQueryAttention")
"""Layers that are called with queries and values."""
NO_LAYER = {
    "Layer": "the base of all layers",
    "Wrapper": "the base of layers that hold another one",
    "InputLayer": "what every network starts with",
    "LSTMCell": "one step; a layer of it is RNN, or LSTM",
    "GRUCell": "one step; a layer of it is RNN, or GRU",
    "SimpleRNNCell": "one step; a layer of it is RNN, or SimpleRNN",
    "StackedRNNCells": "one step; a layer of it is RNN",
    "Pipeline": "a list of layers for data, not for a model",
}
CODE = {
    "Lambda": "it holds code",
    "TFSMLayer": "it holds a TensorFlow program",
    "TorchModuleWrapper": "it holds code of PyTorch",
    "JaxLayer": "it holds code of JAX",
    "FlaxLayer": "it holds code of Flax",
}


def layers() -> dict[str, type]:
    """The classes of keras.layers that are layers, each under its own name."""
    import keras

    found = {kind for kind in vars(keras.layers).values() if inspect.isclass(kind)}
    return {kind.__name__: kind for kind in sorted(found, key=str) if issubclass(kind, keras.layers.Layer)}


def made(name: str, **changes: Any) -> Any:
    """A layer with its defaults, and what differs from them."""
    kinds = layers()
    if name in INNER:
        own = {key: changes.pop(key) for key in list(changes) if name == "Bidirectional" and key.startswith("return_")}
        return kinds[name](kinds[INNER[name]](3, **own), **changes)
    return kinds[name](**{**ARGUMENTS.get(name, {}), **changes})


def place(name: str) -> tuple[int, ...]:
    """The shape of one row that a layer takes."""
    if name in ("RepeatVector", "MelSpectrogram"):
        return (64,) if name == "MelSpectrogram" else ROW
    if name == "STFTSpectrogram":
        return (64, 1)
    if name in WORDS or name in TEXTS:
        return (1,) if name == "TextVectorization" else (6,)
    if name.startswith("ConvLSTM"):
        return (3, *PICTURE[: int(name[8])], 2)
    kind = layers()[name]
    if name.endswith("2D") or "2D" in name or ".image_preprocessing." in kind.__module__:
        return PICTURE
    return VOLUME if "3D" in name else STEPS


def network(name: str, layer: Any, shape: tuple[int, ...] | None = None) -> Any:
    """The layer on the input that it takes, with random weights: a bias of zeros would hide a lost bias."""
    import keras

    dtype = "int32" if name in (*WORDS, "HashedCrossing") else "string" if name in TEXTS else None
    entry = keras.Input(place(name) if shape is None else shape, dtype=dtype, name="x")
    if name in PAIRS and dtype is None:
        answer = layer([entry, keras.layers.Rescaling(-0.5, offset=0.3, name="other")(entry)])
    elif name == "HashedCrossing":
        answer = layer((entry[:, :1, 0], entry[:, 1:2, 0]))
    else:
        answer = layer(entry, entry) if name in SELF else layer(entry)
    return with_random_weights(keras.Model(entry, answer))


def with_random_weights(model: Any, *, seed: int = 7) -> Any:
    """The model, its weights seeded: variances above zero, feedback small enough not to grow from step to step."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        if "float" in variable.dtype:
            values = random.normal(size=variable.shape) * (0.3 if "recurrent" in variable.path else 0.7)
            variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return model
