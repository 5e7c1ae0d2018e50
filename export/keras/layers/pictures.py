"""Layers of pictures: larger, smaller, cut; what changes them at random does so in training alone."""

from typing import Any

import numpy as np

from export.keras.layers.grids import spatial
from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse


@layer("UpSampling2D", "UpSampling3D", fields="size data_format interpolation")
def up_sampling(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Every place several times."""
    first, last = spatial(op, inputs, to)
    shape = to.builder.shapes[inputs]
    if getattr(op, "interpolation", "nearest") != "nearest":
        return _resized(
            to, op, inputs, [(size or 0) * times for size, times in zip(shape[first:last], op.size, strict=True)]
        )
    for axis, times in zip(range(first, last), op.size, strict=True):
        length = shape[axis]
        if length is None:
            raise refuse(op, "of a free axis has no lowering")
        inputs = to.node(
            "Gather", inputs, to.builder.constant(np.repeat(np.arange(length), times), np.int64), axis=axis
        )
    return inputs


@layer("CenterCrop", fields="height width data_format", arguments="data", inert="training")
def center_crop(to: Lowering, op: Any, result: Any, data: str) -> str:
    """The middle of a picture that is large enough."""
    first, last = spatial(op, data, to)
    sizes = to.builder.shapes[data][first:last]
    wanted = (op.height, op.width)
    if any(size is None or size < want for size, want in zip(sizes, wanted, strict=True)):
        raise refuse(op, "of a picture that is smaller, or of a free axis, has no lowering")
    starts = [((size or 0) - want) // 2 for size, want in zip(sizes, wanted, strict=True)]
    ends = [start + want for start, want in zip(starts, wanted, strict=True)]
    return to.builder.as_it_is("Slice", data, to.ints(*starts), to.ints(*ends), to.ints(*range(first, last)))


@layer("Resizing", fields="height width interpolation data_format", arguments="data", inert="training fill_value")
def resizing(to: Lowering, op: Any, result: Any, data: str) -> str:
    """To a size, by neighbours in both directions."""
    return _resized(to, op, data, [op.height, op.width])


def _resized(to: Lowering, op: Any, name: str, sizes: list[int]) -> str:
    """Between the two neighbours of each place's middle, first across, then down, as TensorFlow does it."""
    if op.interpolation != "bilinear" or op.compute_dtype != "float32":
        raise refuse(op, f"interpolation={op.interpolation!r} in {op.compute_dtype} has no lowering")
    first, last = spatial(op, name, to)
    shape = to.builder.shapes[name]
    for axis, size in reversed(list(zip(range(first, last), sizes, strict=True))):
        length = shape[axis]
        if length is None:
            raise refuse(op, "of a free axis has no lowering")
        scale, half = np.float32(length) / np.float32(size), np.float32(0.5)
        middle = (np.arange(size, dtype=np.float32) + half) * scale - half
        low = np.floor(middle)
        below, above = np.maximum(low, 0).astype(np.int64), np.minimum(np.ceil(middle), length - 1).astype(np.int64)
        stretched = [1] * len(shape)
        stretched[axis] = size
        share = to.builder.constant((middle - low).reshape(stretched), np.float32)
        one, other = (to.node("Gather", name, to.builder.constant(i, np.int64), axis=axis) for i in (below, above))
        name = to.node("Add", one, to.node("Mul", to.node("Sub", other, one), share))
    return name


RANDOM = (
    "RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomElasticTransform RandomErasing "
    "RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization "
    "RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom AugMix CutMix MixUp "
    "RandAugment Solarization"
)


@layer(*RANDOM.split(), arguments="data", inert="*")
def passed_on(to: Lowering, op: Any, result: Any, data: str) -> str:
    """Pictures are changed in training alone."""
    return to.cast(data, op.compute_dtype)
