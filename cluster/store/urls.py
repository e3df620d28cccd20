"""Where the two stores are."""

from typing import NamedTuple


class StoreUrls(NamedTuple):
    state: str  # derived from the events: users, posts, positions
    events: str  # the durable streams
