"""Batches that wait for the device, never for the clock: the next one is all that queued while the last one ran."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from cluster.ending import end

Q = TypeVar("Q")
A = TypeVar("A")


class Expired(Exception):
    """A question that had waited for too long when its turn came."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Q, A]):
    question: Q
    deadline: float  # time.monotonic()
    answer: "asyncio.Future[A]"


class Batcher(Generic[Q, A]):
    """Runs one batch at a time, in a thread of its own. For the tasks of one event loop."""

    def __init__(self, run: Callable[[Sequence[Q]], Sequence[A]], most: int) -> None:
        """`run` answers a batch, in order; `most`: questions in one."""
        self._run = run
        self._most = most
        self._queue: deque[_Waiting[Q, A]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")
        self._running: asyncio.Task[None] | None = None

    async def ask(self, question: Q, left_s: float) -> A:
        """The answer. Raises Expired when its batch does not begin within `left_s`, and what `run` raises."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(question, time.monotonic() + left_s, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run_all())
        return await answer

    async def close(self) -> None:
        if self._running is not None:
            await end(self._running)
        self._thread.shutdown(wait=True)

    async def _run_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            batch = self._next()
            try:
                answers = await loop.run_in_executor(self._thread, self._run, [each.question for each in batch])
                for each, answer in zip(batch, answers, strict=True):
                    if not each.answer.done():
                        each.answer.set_result(answer)
            except Exception as error:
                for each in batch:
                    if not each.answer.done():
                        each.answer.set_exception(error)

    def _next(self) -> list[_Waiting[Q, A]]:
        """Those that are still waited for, and not too late."""
        batch: list[_Waiting[Q, A]] = []
        now = time.monotonic()
        while self._queue and len(batch) < self._most:
            each = self._queue.popleft()
            if each.answer.done():
                continue
            if each.deadline < now:
                each.answer.set_exception(Expired())
            else:
                batch.append(each)
        return batch
