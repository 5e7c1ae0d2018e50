"""What the compiler says when a part has no exact form: a refusal of a class of its own."""

from train.core.errors import PipelineError


class NoExactForm(PipelineError):  # noqa: N818 - it is an answer, not a fault
    """A part has no exact form in a graph; the message names it, the reason, and what would be exact.

    Any other `PipelineError` of the compiler says that the model itself is not sound (not fitted, fitted by another
    release, an input that is none): no grade helps there.
    """
