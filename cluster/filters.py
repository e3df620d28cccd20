"""Settings of the filters of feeds."""

from typing import Literal, get_args

from pydantic import Field

from cluster.section import Count, Section, Share

#: Filters that may be left out.
FilterName = Literal[
    "region",
    "blocked",
    "muted",
    "recency",
    "quality",
    "creator_fatigue",
    "feedback_fatigue",
    "followed",
    "shown_lately",
    "seen",
    "near_duplicate",
    "frequency_cap",
]
FILTERS: tuple[str, ...] = get_args(FilterName)


class Filters(Section):
    """What feeds leave out, beside what is removed or not published yet."""

    disabled: list[FilterName] = Field([], description="filters that are not applied, of " + ", ".join(FILTERS))
    recency_days: Count = Field(90, description="how old a post may be, as long as there are enough")
    quality_floor: float = Field(
        0.2, description="share of the average post's positive actions per impression that a post must get", ge=0, lt=1
    )
    creator_impressions: float = Field(
        10.0,
        description="impressions of a creator in a day, beyond the user's positive actions on them in 28, that tire",
        gt=0,
    )
    fewer_weight: float = Field(
        0.9,
        description="what requests to see fewer of a creator may weigh; each weighs 1 and fades to 0 in 140 days",
        gt=0,
    )
    seen_hours: Count = Field(24, description="how long a post stays seen that has left the history")
    shown_minutes: Count = Field(30, description="how long a post counts as shown, for requests to refresh")
    near_duplicate: Share = Field(
        0.97, description="cosine of embeddings above which posts of one kind and length are the same"
    )
