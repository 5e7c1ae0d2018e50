"""The one exception for a runtime that is not there: a matrix says *not run*, never passed."""

from train.core.errors import PipelineError


class NotRunError(PipelineError):
    """A runtime cannot be asked here: not installed, of another major version, or the graph is beyond it."""
