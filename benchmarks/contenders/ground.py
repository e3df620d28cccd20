"""What all contenders stand on."""

import os
from typing import Final, Self

import msgspec

from cluster.clock import Clock
from cluster.store.urls import StoreUrls

_VARIABLE: Final = "CONTENDER_GROUND"


class Ground(msgspec.Struct, frozen=True):
    """The same stores and the same feed time for all; release and settings are those of the environment."""

    urls: StoreUrls
    clock: Clock
    host: str
    port: int
    workers: int
    """Processes that answer feeds, where a contender has several that do all of it."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For a program, and what it starts, to read it from."""
        return os.environ | {_VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def given_if_any(cls) -> Self | None:
        """What this program was started with; None where it was not started as a contender."""
        return cls.given() if _VARIABLE in os.environ else None

    @classmethod
    def given(cls) -> Self:
        """What this program was started with."""
        return msgspec.json.decode(os.environ[_VARIABLE], type=cls)
