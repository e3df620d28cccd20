"""Whether servers give the same feeds: the same users, the same instant, time enough."""

import urllib.request
from collections.abc import Sequence
from typing import Final

import msgspec

from benchmarks.users import FEED
from cluster.errors import CascadeError
from cluster.wire import FeedResponse

#: Seconds to wait for an answer: the first one may compile kernels.
PATIENCE_S: Final = 60.0
DEADLINE_MS: Final = 10_000


class Agreement(msgspec.Struct, frozen=True):
    """How feeds compare with those of the reference."""

    feeds: int
    identical: int
    """Feeds with the same posts in the same order."""
    shared_posts: float
    """Share of the reference's posts that are in the other feed too."""


class Asking(msgspec.Struct, frozen=True):
    """The feeds that are compared."""

    users: list[int]
    time_ms: int
    limit: int
    release: str
    """That must answer."""


def ask(url: str, asking: Asking) -> list[list[int]]:
    """Post ids of the home feed of each user. Raises CascadeError when one is not answered, or by another release."""
    feeds = []
    for user in asking.users:
        context = {"time_ms": asking.time_ms}
        body = {"user_id": user, "limit": asking.limit, "deadline_ms": DEADLINE_MS, "context": context}
        request = urllib.request.Request(url + FEED, msgspec.json.encode(body), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                feed = msgspec.json.decode(answer.read(), type=FeedResponse)
        except (OSError, msgspec.MsgspecError) as error:
            raise CascadeError(f"{url} does not answer a feed: {error}", "ask it with curl") from error
        if feed.release != asking.release:
            raise CascadeError(f"{url} answers with release {feed.release}, not {asking.release}", "run it again")
        feeds.append([item.post_id for item in feed.items])
    return feeds


def agreement(reference: Sequence[Sequence[int]], feeds: Sequence[Sequence[int]]) -> Agreement:
    """Compare feeds of the same users."""
    pairs = list(zip(reference, feeds, strict=True))
    shared = sum(len(set(a) & set(b)) for a, b in pairs)
    return Agreement(
        feeds=len(pairs),
        identical=sum(list(a) == list(b) for a, b in pairs),
        shared_posts=round(shared / max(1, sum(len(a) for a in reference)), 4),
    )
