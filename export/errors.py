"""What the compiler says when a part has no exact form: a refusal of a class of its own."""

import re

from train.core.errors import PipelineError


class NoExactForm(PipelineError):  # noqa: N818 - it is an answer, not a fault
    """A part has no exact form in a graph; the message names it, the reason, and what would be exact.

    Any other `PipelineError` of the compiler says that the model itself is not sound (not fitted, fitted by another
    release, an input that is none): no grade helps there.
    """


_COLOURS = re.compile("\x1b\\[[0-9;]*m")
_FRAMES = ("in user code:", "Exception encountered")
"""How TensorFlow and Keras begin before they come to the point."""


def said(error: BaseException) -> str:
    """What a library's exception says, in one line: what stands inside the frames that it was wrapped in."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    framed = [i for i, line in enumerate(lines[:-1]) if _FRAMES[1] in line]
    if framed:
        return lines[framed[-1] + 1][:200]
    return lines[-1 if lines[0].startswith(_FRAMES[0]) else 0][:200]
