"""Parts to processes, one to each core: a worker that dies costs its part another try, never a row."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from train.core.errors import PipelineError
from verify.score.finished import Done
from verify.score.parts import BadInputError, Part, named
from verify.score.work import Job, Worker

TRIES = 3
"""Of a part whose worker dies."""
Result = tuple[Part, Done | BadInputError]


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def here(job: Job, parts: Sequence[Part]) -> Generator[Result]:
    """Every part in this process: for little work, which starting others would only delay.

    Raises:
        PipelineError: the model cannot be opened, or an output cannot be written.
    """
    worker = Worker(job)
    for part in parts:
        try:
            yield part, worker.write(part)
        except BadInputError as error:
            yield part, error


@dataclass
class _Process:
    process: Any
    pipe: Connection
    ready: bool = False
    part: Part | None = None


def in_processes(job: Job, parts: Sequence[Part], count: int) -> Generator[Result]:
    """Every part, as each is done, in `count` processes; each holds one at a time, so memory does not grow.

    Raises:
        PipelineError: a worker cannot open the model or write, or none stays alive.
    """
    waiting, tries = deque(parts), Counter[str]()
    started: list[_Process] = []
    deaths = 0
    try:
        started += [_start(job) for _ in range(min(count, len(parts)))]
        while waiting or any(one.part is not None for one in started):
            for one in started:
                if one.ready and one.part is None and waiting:
                    one.part = waiting.popleft()
                    # Dead already: the next look finds it.
                    with contextlib.suppress(OSError):
                        one.pipe.send(one.part)
            ready = wait([one.pipe for one in started])
            for place, one in enumerate(started):
                if one.pipe not in ready:
                    continue
                try:
                    answer = one.pipe.recv()
                except (EOFError, OSError):
                    part, code = one.part, _end(one)
                    started[place] = _start(job)
                    if part is None:
                        deaths += 1
                        if deaths >= TRIES:
                            raise PipelineError(f"workers end before they have begun (exit code {code})") from None
                        continue
                    tries[part.output] += 1
                    if tries[part.output] < TRIES:
                        waiting.appendleft(part)
                    else:
                        reason = f"{named(part)}: its worker died {TRIES} times (exit code {code}; out of memory?)"
                        yield part, BadInputError(reason)
                    continue
                if answer is None:
                    one.ready = True
                    continue
                if isinstance(answer, PipelineError) and not isinstance(answer, BadInputError):
                    raise answer
                part, one.part = one.part, None
                assert part is not None
                yield part, answer
    finally:
        for one in started:
            one.process.terminate()
        for one in started:
            _end(one)


def _start(job: Job) -> _Process:
    # Not forked: threads of Arrow and onnxruntime in this process would leave locks behind that nobody lets go.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(job, theirs), daemon=True)
    # Ctrl-C goes to every process of the terminal; this one decides, also while the other is still starting.
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        process.start()
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
    theirs.close()
    return _Process(process, ours)


def _end(one: _Process) -> int | None:
    one.pipe.close()
    one.process.join()
    code: int | None = one.process.exitcode
    return code


def work(job: Job, pipe: Connection) -> None:
    """What a process does: parts in, what came of them out, until nobody is there any more."""
    import pyarrow

    pyarrow.set_cpu_count(1)
    with contextlib.suppress(EOFError, OSError):
        try:
            worker = Worker(job)
        except PipelineError as error:
            pipe.send(error)
            return
        pipe.send(None)  # ready
        while True:
            part = pipe.recv()
            try:
                answer: Done | PipelineError = worker.write(part)
            except PipelineError as error:
                answer = error
            pipe.send(answer)
