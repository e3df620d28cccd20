"""Which release is live, and which one is on trial: a durable record beside the releases."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from cluster.errors import CascadeError

RECORD: Final = "live.json"
#: Changes that the record remembers.
HISTORY: Final = 100

Mode = Literal["shadow", "canary"]
What = Literal["start", "full", "shadow", "canary", "end of trial", "rollback", "refused"]


class Trial(Struct, frozen=True):
    """A release beside the live one. `shadow` answers a share of requests off the path; `canary` some users' own."""

    release: str
    mode: Mode
    percent: float  # of requests, or of users

    def takes(self, user_id: int) -> bool:
        """Whether a user is of the share; always the same ones, and others for another release."""
        digest = hashlib.blake2b(b"%d" % user_id, digest_size=8, key=self.release.encode()[:64]).digest()
        return int.from_bytes(digest, "little") < self.percent / 100 * 2**64


class Change(Struct, frozen=True):
    """What was decided once. Real time in Unix milliseconds."""

    at_ms: int
    what: What
    release: str
    accepted: tuple[str, ...] = ()  # gates that it did not pass


class LiveRelease(Struct, frozen=True, kw_only=True):
    """The record. Each change has a revision of its own, by which replicas tell how far they have followed."""

    revision: int = 0
    releases: tuple[str, ...]  # that were made live, the last one is; those rolled back are gone from it
    promoted: bool = False  # whether somebody decided that it is live, and not the settings
    trial: Trial | None = None
    history: tuple[Change, ...] = ()

    @property
    def live(self) -> str:
        return self.releases[-1]

    @property
    def previous(self) -> str | None:
        """What a rollback makes live."""
        return self.releases[-2] if len(self.releases) > 1 else None

    @property
    def answering(self) -> tuple[str, ...]:
        """The live release, and the one on trial."""
        return (self.live, self.trial.release) if self.trial else (self.live,)

    @property
    def needed(self) -> set[str]:
        """Releases that must stay: live, on trial, and the one to go back to."""
        return {*self.answering, *filter(None, [self.previous])}

    def with_trial(self, trial: Trial, accepted: tuple[str, ...] = ()) -> "LiveRelease":
        """A release is on trial beside the live one. Raises CascadeError when it is the live one."""
        if trial.release == self.live:
            raise CascadeError(f"release {trial.release} is live", "There is nothing to try.")
        return replace(self, trial=trial).noted(trial.mode, trial.release, accepted)

    def rolled_back(self) -> "LiveRelease":
        """The trial is over; without one, the release before is live. Raises CascadeError when there is none."""
        if self.trial:
            return replace(self, trial=None).noted("end of trial", self.live)
        if self.previous is None:
            raise CascadeError(f"there was no release before {self.live}", "see `cascade release list`")
        return replace(self, releases=self.releases[:-1], promoted=True).noted("rollback", self.previous)

    def returned_to(self, before: "LiveRelease") -> "LiveRelease":
        """What was before again, for feed servers refuse this."""
        return replace(before, revision=self.revision).noted("refused", self.trial.release if self.trial else self.live)

    def without(self, gone: set[str]) -> "LiveRelease":
        """The same, with releases forgotten that are there no more."""
        return replace(self, releases=tuple(name for name in self.releases if name not in gone))

    def noted(self, what: What, release: str, accepted: tuple[str, ...] = ()) -> "LiveRelease":
        """The next revision, with one more entry in the history."""
        change = Change(time.time_ns() // 1_000_000, what, release, accepted)
        return replace(self, revision=self.revision + 1, history=(*self.history, change)[-HISTORY:])


def with_live(
    record: LiveRelease | None, release: str, what: Literal["start", "full"] = "full", accepted: tuple[str, ...] = ()
) -> LiveRelease:
    """`release` is live for everyone, and no trial goes on; `start` when the settings chose it, not a promotion."""
    record = record or LiveRelease(releases=())
    others = tuple(name for name in record.releases if name != release)
    made = replace(record, releases=(*others, release), promoted=what == "full", trial=None)
    return made.noted(what, release, accepted)


@dataclass(frozen=True, slots=True)
class LiveFile:
    """The record's file in the folder of all releases."""

    root: Path

    def read(self) -> LiveRelease | None:
        """None when nothing was ever live. Raises CascadeError when the file is damaged."""
        try:
            return msgspec.json.decode((self.root / RECORD).read_bytes(), type=LiveRelease)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise CascadeError(
                f"{self.root / RECORD} is damaged: {error}", "Delete it; `cascade up` chooses a release then."
            ) from None

    def need(self) -> LiveRelease:
        """Raises CascadeError when nothing was ever live."""
        record = self.read()
        if record is None:
            raise CascadeError(f"no release in {self.root} is live", "start one with `cascade up`, or promote one")
        return record

    def change(self, change: Callable[[LiveRelease | None], LiveRelease]) -> LiveRelease:
        """Put what `change` makes of the record in its place, on disk when this returns; one after the other."""
        with self._locked():
            before = self.read()
            record = change(before)
            if record != before:
                part = self.root / f".{RECORD}.{os.getpid()}"
                with part.open("wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self.root / RECORD)
            return record

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".live.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
