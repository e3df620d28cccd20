"""Settings of the utility and of the business rules."""

from collections.abc import Mapping

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from cluster.section import Count, Rest, Section, Share
from cluster.segments import Segment
from cluster.vocabulary import KINDS, ContentType, Surface
from kernels.actions import ACTIONS

#: Heads a ranker may have: the actions, and the seconds watched.
HEADS = (*ACTIONS, "watch_time")
#: The term of an ad's utility that is its value.
AD_VALUE = "ad_value"


def known_heads(weights: dict[str, float]) -> dict[str, float]:
    """`weights`, if all are of heads that there are. Raises ValueError."""
    unknown = sorted(set(weights) - {*HEADS, AD_VALUE})
    if unknown:
        raise ValueError(f"unknown heads {unknown}; allowed are {[*HEADS, AD_VALUE]}")
    return weights


class Campaign(Section):
    """Posts that gain for a while, with some of the users."""

    name: str = Field(description="what explanations call it", min_length=1, max_length=64)
    starts: AwareDatetime = Field(description="first moment, with its time zone; feed time")
    ends: AwareDatetime = Field(description="first moment after it")
    boost: float = Field(description="share of its score that a post gains", gt=0)
    regions: list[str] = Field([], description="where users must be; none named: anywhere")
    segments: list[Segment] = Field([], description="users who see it, of new, other, active; none named: all")
    authors: list[int] = Field([], description="ids of authors whose posts gain; none named: of all")
    topics: list[str] = Field([], description="topics of posts that gain; none named: all")
    kinds: list[ContentType] = Field(
        [], description="content types of posts that gain; none named: all", validate_default=True
    )

    @field_validator("ends")
    @classmethod
    def _ends_after_it_starts(cls, ends: AwareDatetime, others: ValidationInfo) -> AwareDatetime:
        starts = others.data.get("starts")
        if starts is not None and ends <= starts:
            raise ValueError(f"must be later than `starts`, which is {starts.isoformat()}")
        return ends

    @field_validator("kinds")
    @classmethod
    def _chooses_posts(cls, kinds: list[ContentType], others: ValidationInfo) -> list[ContentType]:
        if not (kinds or others.data.get("authors", True) or others.data.get("topics", True)):
            raise ValueError("a campaign must name authors, topics or kinds: what all posts gain changes nothing")
        return kinds


class WeightsFor(Section):
    """Weights of the utility that differ for some requests."""

    surfaces: list[Surface] = Field([], description="surfaces that they are for, of home, explore; none named: all")
    segments: list[Segment] = Field([], description="users that they are for, of new, other, active; none named: all")
    arms: list[str] = Field([], description="arms that they are for, as experiment/arm; none named: everybody")
    weights: dict[str, float] = Field(description="instead of those of all, for the heads that are named")

    @field_validator("weights")
    @classmethod
    def _heads_exist(cls, weights: dict[str, float]) -> dict[str, float]:
        return known_heads(weights)

    def is_for(self, segment: Segment, arms: Mapping[str, str]) -> bool:
        """Whether they are for users of a segment and of arms, by experiment."""
        if self.segments and segment not in self.segments:
            return False
        return not self.arms or any(f"{experiment}/{arm}" in self.arms for experiment, arm in arms.items())


class Rules(Section):
    """Utility and business rules."""

    weights: dict[str, float] = Field(
        default={
            "like": 1.0,
            "comment": 2.0,
            "share": 3.0,
            "save": 2.0,
            "follow": 2.0,
            "long_view": 1.0,
            "click": 0.1,
            "profile_visit": 0.5,
            "watch_time": 1.0,
            "hide": -20.0,
            "report": -50.0,
            "ad_value": 1.0,
        },
        description="utility of each action's probability; watch time counts in minutes, `ad_value` is an ad's value",
    )
    weights_for: list[WeightsFor] = Field(
        [], description="weights that differ by surface, segment or experiment; the last that fits counts"
    )
    fresh_boost: float = Field(0.1, description="share of its utility that a fresh post gains", ge=0)
    fresh_boost_hours: float = Field(1.0, description="age under which a post is fresh", gt=0)
    close_boost: float = Field(0.2, description="share of its utility that a close friend's post gains", ge=0)
    campaigns: list[Campaign] = Field([], description="posts that gain for a while; the greatest boost counts")
    served_decay: Rest = Field(0.8, description="what is left of a utility for each post of the author just shown")
    served_floor: Rest = Field(0.4, description="what is left of it at least")
    served_hours: float = Field(6.0, description="time constant with which it is forgotten who was shown", gt=0)
    author_decay: Rest = Field(0.5, description="what is left for each post of the author before it in the feed")
    author_decay_floor: Rest = Field(0.25, description="what is left of it at least")
    diversity: float = Field(
        0.2, description="share that a post loses to whose embedding one before it in the feed is equal", ge=0, lt=1
    )
    diversity_window: Count = Field(50, description="first positions that posts are compared with")
    author_cap: Count = Field(2, description="posts of one author among the first `author_cap_window`")
    author_cap_window: Count = Field(20, description="positions that the author cap covers")
    creator_floor: Share = Field(0.1, description="share of the positions that new creators have, if there are enough")
    new_creator_days: Count = Field(30, description="days since the first post for which a creator is new")
    kind_share: Share = Field(0.9, description="share of the first `kind_window` that one content type may take")
    kind_window: Count = Field(20, description="positions that this covers")
    kind_run: Count = Field(8, description="posts of one content type in a row")

    @field_validator("weights")
    @classmethod
    def _heads_exist(cls, weights: dict[str, float]) -> dict[str, float]:
        return known_heads(weights)

    @field_validator("campaigns")
    @classmethod
    def _names_differ(cls, campaigns: list[Campaign]) -> list[Campaign]:
        names = [campaign.name for campaign in campaigns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names must differ, but there are several of {twice}")
        return campaigns

    @field_validator("kind_share")
    @classmethod
    def _positions_can_be_filled(cls, share: float) -> float:
        if share * len(KINDS) < 1:
            raise ValueError(f"must be at least {1 / len(KINDS):.2g}, or all {len(KINDS)} types leave positions empty")
        return share
