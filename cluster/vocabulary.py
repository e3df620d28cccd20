"""Codes of strings: the only place where text such as a region or a device becomes a number."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, get_args

import msgspec

UNKNOWN: Final = 0
ContentType = Literal["video", "photo", "carousel", "text", "live", "ad"]
Surface = Literal["home", "explore"]
KINDS: Final[tuple[str, ...]] = get_args(ContentType)


@lru_cache(maxsize=65_536)
def stable_id(value: str | None) -> int:
    """64 bits that stand for a topic or a region wherever no vocabulary is at hand; 0 for none."""
    if not value:
        return 0
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "little", signed=True)


class Vocabulary(msgspec.Struct, frozen=True):
    """The known values of one column; `values[i]` has code i + 1, everything else is UNKNOWN."""

    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[str]) -> "Vocabulary":
        """A vocabulary of the distinct `values`, in sorted order."""
        return cls(tuple(sorted(set(values))))

    def codes(self) -> dict[str, int]:
        """Code of each known value."""
        return {value: code for code, value in enumerate(self.values, start=1)}


class Vocabularies(msgspec.Struct, frozen=True):
    """All vocabularies of a data set; they travel with its releases."""

    kind: Vocabulary
    topic: Vocabulary
    region: Vocabulary
    surface: Vocabulary
    device: Vocabulary
    connection: Vocabulary
    app_version: Vocabulary
