"""What the three command lines share: exit codes, one-line errors, progress on stderr."""

import sys
from collections.abc import Callable, Sequence

from rich.console import Console, RenderableType

from train.core.errors import PipelineError

EXIT_GOOD = 0
EXIT_NOT_IN_PARITY = 1
EXIT_COULD_NOT = 2

# Results go to stdout; everything that only accompanies them goes here.
console = Console(stderr=True, highlight=False, soft_wrap=True)


def show(line: str) -> None:
    """One line of progress on stderr, printed as it is (no markup)."""
    console.print(line, markup=False)


def result(table: RenderableType) -> None:
    """A table on stdout; where that is no terminal, as wide as it needs to be."""
    Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160).print(table)


def example_lines(program: str, examples: Sequence[tuple[str, str]]) -> str:
    """The examples of a help text: each line a call, and what it does at one margin where the call leaves room."""
    calls = [f"  {program} {arguments}".rstrip() for arguments, _ in examples]
    margin = min(max(len(call) for call in calls), 64) + 2
    return "\n".join(
        f"{call:<{margin}}{says}".rstrip() if len(call) < margin else f"{call}\n{'':<{margin}}{says}".rstrip()
        for call, (_, says) in zip(calls, examples, strict=True)
    )


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Call `main(arguments)` and leave with its exit code; a PipelineError or OSError is one line and exit code 2."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except PipelineError as error:
        code = fail(str(error))
    except BrokenPipeError:
        # The reader of stdout has gone (`| head`): nobody is left to tell, and the interpreter must not try again.
        sys.stderr.close()
        code = EXIT_COULD_NOT
    except OSError as error:
        code = fail(f"{error.filename or 'input/output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        code = fail("interrupted; what was there before is untouched")
    sys.exit(code)


def fail(message: str) -> int:
    """Print one error line and return exit code 2."""
    # Names from a file may hold line breaks and escape sequences: a terminal must show them, not obey them.
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in " ".join(message.split()))
    show("error: " + line)
    return EXIT_COULD_NOT
