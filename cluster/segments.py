"""Segments of users, by how much they have been shown."""

from typing import Final, Literal, get_args

Segment = Literal["new", "other", "active"]
SEGMENTS: Final[tuple[str, ...]] = get_args(Segment)
#: Impressions below which a user is new, and from which on an active one.
NEW_BELOW: Final = 10
ACTIVE_FROM: Final = 50


def segment_of(impressions: int) -> Segment:
    """The segment of a user who has been shown so many posts."""
    if impressions < NEW_BELOW:
        return "new"
    return "active" if impressions >= ACTIVE_FROM else "other"
