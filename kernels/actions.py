"""What a person can do with a post they were shown, as bits of one integer and as columns of a counter."""

from typing import Final

#: Bit `i` of an action mask is `ACTIONS[i]`. The order is part of the stored format: append, never reorder.
ACTIONS: Final = (
    "like",
    "comment",
    "share",
    "save",
    "follow",
    "long_view",
    "click",
    "profile_visit",
    "hide",
    "report",
)
BIT: Final = {name: 1 << i for i, name in enumerate(ACTIONS)}

#: Actions that say the person liked what they saw; a click alone does not.
POSITIVE: Final = sum(BIT[name] for name in ("like", "comment", "share", "save", "follow", "long_view"))
NEGATIVE: Final = BIT["hide"] | BIT["report"]

#: Columns of every engagement counter: impressions, each action, seconds watched.
COUNTS: Final = ("impression", *ACTIONS, "watch_s")
COUNT: Final = {name: i for i, name in enumerate(COUNTS)}
#: Those of positive actions.
POSITIVE_COUNTS: Final = tuple(COUNT[name] for name in ACTIONS if BIT[name] & POSITIVE)
