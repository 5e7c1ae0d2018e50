"""The one exception that ends a command with exit code 2 and a single line on stderr."""


class PipelineError(Exception):
    """Something could not be done; the message is all that a user sees.

    Write it as: where (file, row, column or field), what was expected, what was found, what to do next. A model that
    is not in parity is a result with exit code 1, never this exception.
    """
