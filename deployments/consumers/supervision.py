"""Starting the consumers of a Cascade as Ray actors, and stopping them."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import ray
from ray.actor import ActorHandle

from cluster.errors import CascadeError
from cluster.placement import Role, label_selector
from cluster.store.consumers import Consumers
from deployments.consumers.actor import ConsumerActor
from deployments.consumers.specification import ConsumerSpec, Context

logger = logging.getLogger(__name__)

#: How long actors may take to start, and to end by themselves, in seconds.
START_S: Final = 120.0
STOP_S: Final = 5.0


@contextmanager
def run_consumers(specs: Sequence[ConsumerSpec], context: Context) -> Iterator[dict[str, ActorHandle]]:
    """Run the consumers while the block lasts; the actor of each by its name.

    Ray starts one again, wherever there is a place for it, whenever its process ends. Raises CascadeError when one
    does not start.
    """
    asyncio.run(_forget_others(specs, context))
    actors = _start(specs, context)
    try:
        try:
            ray.get([actor.pid.remote() for actor in actors.values()], timeout=START_S)
        except (ray.exceptions.RayError, TimeoutError) as error:
            raise CascadeError(f"a consumer does not start: {error}", "Ray's logs have more.") from error
        yield actors
    finally:
        _stop(list(actors.values()))


def _start(specs: Sequence[ConsumerSpec], context: Context) -> dict[str, ActorHandle]:
    actor: Any = ray.remote(ConsumerActor)
    actors, trimmed = {}, set()
    for spec in specs:
        options = actor.options(
            name=f"consumer-{spec.name}",
            num_cpus=0,  # it waits most of the time; feed servers get the cores
            max_restarts=-1,
            max_task_retries=-1,
            label_selector=label_selector(Role.FEED),
        )
        trims = spec.stream not in trimmed and not spec.kept_whole
        actors[spec.name] = options.remote(spec, context, trims=trims)
        trimmed.add(spec.stream)
    return actors


def _stop(actors: Sequence[ActorHandle]) -> None:
    with suppress(ray.exceptions.RayError):  # where Ray is gone, they are
        ray.wait([actor.stop.remote() for actor in actors], num_returns=len(actors), timeout=STOP_S)
        for actor in actors:
            ray.kill(actor)


async def _forget_others(specs: Sequence[ConsumerSpec], context: Context) -> None:
    """Remove reports and groups of consumers that are no more: nobody must wait for them."""
    names = {spec.name for spec in specs}
    async with Consumers(context.urls.state, context.settings.store.patient()) as consumers:
        await consumers.forget_reports()
    for spec in {spec.stream: spec for spec in specs}.values():
        async with spec.open_stream(context) as stream:
            for group in await stream.groups():
                if group not in names:
                    logger.warning("%s: the group of %s is removed, which is not a consumer now", spec.stream, group)
                    await stream.remove_group(group)
