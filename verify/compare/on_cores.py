"""The same work on every core, results in order, never more than a few pieces at a time in memory."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2
"""Pieces a core that may wait."""


def on_all_cores(work: Callable[[T], R], pieces: Iterable[tuple[str, T]]) -> Iterator[tuple[str, R]]:
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
def whole() -> Iterator[None]:
    """Ctrl-C waits until the block is done, so that what it keeps stays in step; other threads get no Ctrl-C anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[bool] = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
