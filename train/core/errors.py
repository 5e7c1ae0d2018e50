"""The one exception that ends a command with exit code 2 and a single line on stderr."""


class PipelineError(Exception):
    """Something could not be done; the message is all that a user sees, and one line: a cell may hold line breaks.

    Write it as: where (file, row, column or field), what was expected, what was found, what to do next. A model that
    is not in parity is a result with exit code 1, never this exception.
    """

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())
