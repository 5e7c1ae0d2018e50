"""A process that times what it is asked for: each line of its input names a subject, which runs one block.

`python -m verify.figures.bench.serve MODULE`: MODULE has `SUBJECTS`, name -> what opens it. The answer is a line of two
numbers, how many things the block did and the nanoseconds that it took, or `error` and a reason.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """A block of so many things."""

    things: int
    block: Callable[[], object]


WARM_NANOSECONDS = 2_000_000
"""A shorter block is run twice, the second time timed."""


def _block(subject: Subject) -> int:
    start = time.perf_counter_ns()
    subject.block()
    return time.perf_counter_ns() - start


def serve(module: str) -> int:
    """Answer until the input ends; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    known: dict[str, Callable[[], Subject]] = importlib.import_module(module).SUBJECTS
    subjects: dict[str, Subject] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            if name not in subjects:
                subjects[name] = known[name]()
                # What is compiled at the first call belongs to the opening.
                subjects[name].block()
            took = _block(subjects[name])
            if took < WARM_NANOSECONDS:
                # Other processes ran in between, and have filled the caches.
                took = _block(subjects[name])
            answers.write(f"{subjects[name].things} {took}\n")
        except Exception as error:  # noqa: BLE001 - a peer is not run, whatever stops it
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            answers.write(f"error {reason[:200]}\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
