"""The one form in which the compiler says no."""

from collections.abc import Callable
from typing import TypeVar

from export.errors import NoExactForm
from train.core.errors import PipelineError

T = TypeVar("T")


def refuse(what: object, reason: str, *, supported: str) -> NoExactForm:
    """A refusal: class name, reason, what can be done instead."""
    name = what if isinstance(what, str) else type(what).__name__
    return NoExactForm(f"cannot compile {name} exactly: {reason}; supported: {supported}")


def inside(owner: object, part: str, lower: Callable[[], T]) -> T:
    """What `lower` gives; an error in it also names the estimator around it.

    Raises:
        PipelineError: of the same class, with the owner's class and the part in front.
    """
    try:
        return lower()
    except PipelineError as error:
        raise type(error)(f"{type(owner).__name__}, {part}: {error}") from error
