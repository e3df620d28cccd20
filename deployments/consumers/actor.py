"""The Ray actor that runs one consumer."""

import asyncio
import logging
import os
from contextlib import AsyncExitStack

from cluster.ending import end
from cluster.store.consumers import Consumers
from deployments.consumers.metrics import ConsumerMetrics
from deployments.consumers.runner import Runner
from deployments.consumers.specification import ConsumerSpec, Context
from deployments.consumers.trimming import trim_forever

logger = logging.getLogger(__name__)


class ConsumerActor:
    """Runs a consumer from the moment that it is made; Ray makes it anew when its process is gone.

    With `trims`, it trims its stream for everybody.
    """

    async def __init__(self, spec: ConsumerSpec, context: Context, trims: bool) -> None:  # type: ignore[misc]  # Ray awaits it
        self._consumer = spec.make(context)
        self._stack = AsyncExitStack()
        source = await self._stack.enter_async_context(spec.open_stream(context))
        consumers = await self._stack.enter_async_context(Consumers(context.urls.state, context.settings.store))
        runner = Runner(self._consumer, source, consumers, ConsumerMetrics(spec.name))
        self._tasks = [asyncio.create_task(runner.run())]
        if trims:
            retention_s = spec.retention_s(context.settings)
            self._tasks.append(asyncio.create_task(trim_forever(source, consumers, retention_s)))
        for task in self._tasks:
            task.add_done_callback(_end_process)

    async def pid(self) -> int:
        """Process id; answers once the consumer is made."""
        return os.getpid()

    async def stop(self) -> None:
        """End cleanly: what is not applied stays in the stream."""
        for task in self._tasks:
            await end(task)
        await self._consumer.close()
        await self._stack.aclose()


def _end_process(task: "asyncio.Task[None]") -> None:
    """A task that ended by a fault of ours takes its process along: Ray starts another."""
    if not task.cancelled():
        logger.critical("the consumer's process ends", exc_info=task.exception())
        os._exit(1)
