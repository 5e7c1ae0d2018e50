"""The same work on every core, results in order, never more than a few pieces at a time in memory."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2
"""Pieces a core that may wait."""


def on_all_cores(work: Callable[[T], R], pieces: Iterable[tuple[str, T]]) -> Generator[tuple[str, R]]:
    """(name, result) of each piece, in order. Threads are enough: trees and onnxruntime release the interpreter's lock.

    Raises:
        Exception: what the first piece that failed raised. Whatever ends it early, what waits is not begun.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[tuple[str, Future[R]]] = deque()
    pool = ThreadPoolExecutor(cores)
    try:
        for name, piece in pieces:
            waiting.append((name, pool.submit(work, piece)))
            if len(waiting) > AHEAD * cores:
                first, done = waiting.popleft()
                yield first, done.result()
        while waiting:
            first, done = waiting.popleft()
            yield first, done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until the block asks, by the function that it is given; a second one does not wait.

    An interrupt that may come anywhere can come inside a lock that the threads share, which is then never let go.
    Other threads than the main one get no Ctrl-C anyway, and who was started without it goes without it.

    Raises:
        KeyboardInterrupt: by the function, and at the end of the block.
    """
    pressed: list[bool] = []

    def asked() -> None:
        if pressed:
            pressed.clear()
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield asked
        return

    def press(*_: object) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, press)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
    asked()
