"""Frames: what travels on a connection, one behind the other.

    length of the body (uint32) | number of the question (uint64) | kind (uint8) | body

Who connects proves that it has the deployment's token before anything else is read: the server sends a nonce, and wants
its HMAC. What follows is neither encrypted nor signed: the channel is for networks that are the cluster's own.
"""

import asyncio
import hmac
import struct
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Final, cast

_HEADER: Final = struct.Struct("<IQB")
#: Bytes that a body may have: those of a thousand candidates with their features are half of a million.
LONGEST: Final = 2**24
NONCE_BYTES: Final = 32


class Kind(IntEnum):
    """What a frame says."""

    NONCE = 0
    PROOF = 1
    WELCOME = 2
    QUESTION = 3
    ANSWER = 4
    ELSEWHERE = 5  # asked for what this replica does not have, as a release that it does not hold
    LATE = 6  # nobody would wait for the answer any more
    FAILED = 7


def proof(token: bytes, nonce: bytes) -> bytes:
    """That one has the token."""
    return hmac.digest(token, nonce, "sha256")


class FrameProtocol(asyncio.Protocol, ABC):
    """Cuts what comes into frames. One that is too long ends the connection."""

    def __init__(self) -> None:
        self._come = bytearray()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @abstractmethod
    def frame(self, number: int, kind: int, body: bytes) -> None:
        """A frame has come."""

    def send(self, number: int, kind: Kind, body: bytes) -> None:
        """To the other side; to one that is gone nothing is sent."""
        if self._transport is not None:
            self._transport.writelines((_HEADER.pack(len(body), number, kind), body))

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._come += data
        begin = 0
        while self._transport is not None and len(self._come) - begin >= _HEADER.size:
            length, number, kind = _HEADER.unpack_from(self._come, begin)
            if length > LONGEST:
                self.abort()
                return
            end = begin + _HEADER.size + length
            if end > len(self._come):
                break
            body = bytes(memoryview(self._come)[begin + _HEADER.size : end])
            begin = end
            self.frame(number, kind, body)
        del self._come[:begin]
