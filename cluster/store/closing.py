"""What holds connections, as an asynchronous context manager."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Is closed at the end of an `async with`."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what it holds."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
