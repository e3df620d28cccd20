"""What a consumer is: it makes an effect of each entry of a stream, once, in order."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from cluster.errors import CascadeError

T = TypeVar("T")


class Entry(NamedTuple, Generic[T]):
    """An entry of a stream, decoded."""

    position: str
    record: T


class Batching(NamedTuple):
    """How many entries are applied at once."""

    entries: int = 1000
    #: Seconds to wait for more after the first; 0: what is there is applied at once.
    linger_s: float = 0.0


class NotNow(CascadeError):
    """The effect cannot be had at the moment, as on a full disk. The runner waits and starts over."""


class Consumer(Protocol[T]):
    """Folds entries of a stream into something. `deployments.consumers.runner.Runner` feeds it.

    There may be two of a kind for a moment, so writes are fenced: effect and position are written at once, and only
    if the stored position still is the one that this consumer went on from.
    """

    @property
    def name(self) -> str:
        """Name of the consumer, of its group and of its position (`cluster.store.consumers.position_key`)."""

    @property
    def stream(self) -> str:
        """The stream that it reads."""

    @property
    def batching(self) -> Batching: ...

    def decode(self, payload: bytes) -> T:
        """What an entry says. Any error means that the entry is set aside."""

    async def position(self) -> str:
        """The stored position: the last entry whose effect is there; START before the first.

        Asked for at the start and after every failure; what was not stored by then is forgotten. Raises
        StoreUnavailable.
        """

    async def apply(self, entries: Sequence[Entry[T]], position: str) -> None:
        """Make the effect of all `entries` and move the stored position to `position`, both or neither.

        `entries` follow the stored position without a gap, but for those that were set aside; there may be none.
        Raises StoreUnavailable or NotNow (it is tried again), Superseded (it starts over from the stored position).
        Any other error means that some entry is bad: it is looked for, and set aside.
        """

    async def close(self) -> None: ...
