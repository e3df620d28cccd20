"""The hook: a consumer that hands what happens to an object of the operator's, such as a bandit that learns online."""

import importlib
from collections.abc import Sequence
from typing import Final, Protocol

from cluster import event_log
from cluster.clock import Clock
from cluster.errors import CascadeError
from cluster.events import Record, decode_record
from cluster.settings import Settings
from cluster.store.consumers import START, Consumers
from deployments.consumers.consumer import Batching, Entry
from deployments.consumers.specification import ConsumerSpec, Context

NAME: Final = "hook"


class Hook(Protocol):
    """What `events.hook` names. It is made once in the consumer's process."""

    def __init__(self, settings: Settings, clock: Clock) -> None: ...

    async def apply(self, records: Sequence[Record]) -> None:
        """Take the next records of the event log, in its order.

        At least once: after a crash or an error the last ones come again. Raise `NotNow` to have them again in a
        while; any other error means that a record is bad: it is looked for, and set aside.
        """


class HookConsumer:
    """Calls a hook, and moves its own position afterwards: what the hook does with records is not in our stores."""

    name = NAME
    stream = event_log.STREAM
    batching = Batching()

    def __init__(self, hook: Hook, consumers: Consumers) -> None:
        self._hook = hook
        self._consumers = consumers
        self._position = START

    @classmethod
    def make(cls, context: Context) -> "HookConsumer":
        """The hook of a Cascade whose settings name one."""
        settings = context.settings
        hook = load_hook(settings.events.hook or "")(settings, context.clock)
        return cls(hook, Consumers(context.urls.state, settings.store))

    def decode(self, payload: bytes) -> Record:
        return decode_record(payload)

    async def position(self) -> str:
        self._position = await self._consumers.position(NAME)
        return self._position

    async def apply(self, entries: Sequence[Entry[Record]], position: str) -> None:
        if entries:
            await self._hook.apply([entry.record for entry in entries])
        await self._consumers.advance(NAME, self._position, position)
        self._position = position

    async def close(self) -> None:
        await self._consumers.close()


def hook_specs(settings: Settings) -> list[ConsumerSpec]:
    """The hook, if the settings name one. Raises CascadeError when they do so in vain."""
    if settings.events.hook is None:
        return []
    load_hook(settings.events.hook)
    return [ConsumerSpec(NAME, event_log.STREAM, "events", HookConsumer.make)]


def load_hook(name: str) -> type[Hook]:
    """The class that `name`, "module:Class", stands for. Raises CascadeError when there is none."""
    module, _, attribute = name.partition(":")
    try:
        hook = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever the module raises
        raise CascadeError(f"events.hook has value {name!r}: {error}", "name it as module:Class") from None
    if not isinstance(hook, type) or not callable(getattr(hook, "apply", None)):
        raise CascadeError(f"events.hook has value {name!r}: it is no class with a method `apply`", "see Hook")
    found: type[Hook] = hook
    return found
