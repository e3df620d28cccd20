"""Settings of what learns from the stream of events between two trainings."""

from typing import Literal

from pydantic import Field

from cluster.section import Count, Section, Share


class Online(Section):
    """Learning from the stream between two trainings."""

    enabled: bool = Field(True, description="whether the ranker's predictions are corrected by what happens")
    share: Share = Field(0.1, description="share of the users whose feeds and events are learned from")
    attribution_s: Count = Field(300, description="who did nothing with a post for so long did nothing")
    update_s: float = Field(120.0, description="seconds between two updates", gt=0)
    least_rows: Count = Field(500, description="impressions that an update needs; it waits for them")


class Bandit(Section):
    """Which source is favoured, and which posts few have seen are tried."""

    enabled: bool = Field(False, description="whether a source is favoured by request, and a slot explores")
    policy: Literal["thompson", "linucb", "epsilon_greedy"] = Field(
        "thompson", description="how the favoured source is chosen from what was learned"
    )
    floor: float = Field(
        0.05, description="share of the choices that are made at random, so that all have a chance", gt=0, le=1
    )
    alpha: float = Field(0.2, description="LinUCB: uncertainties added to what a source is expected to earn", ge=0)
    spread: float = Field(0.1, description="Thompson: spread of what is drawn, in uncertainties", ge=0)
    given_up: Share = Field(0.8, description="share of their candidates that the other sources give up")
    slot: int = Field(15, description="position of the post that is explored; the first is 0", ge=0)
    pool: Count = Field(64, description="newest posts among which one is explored")
    pool_hours: Count = Field(48, description="how old they may be")
    enough: Count = Field(100, description="impressions after which a post needs no exploration")
    prior: float = Field(40.0, description="impressions of average luck that every post begins with", gt=0)
    sharpness: float = Field(4.0, description="what counts are multiplied by: more explores less", gt=0)
    share: Share = Field(0.1, description="share of the users whose feeds and events are learned from")
    attribution_s: Count = Field(300, description="who did nothing with a post for so long did nothing")
    update_s: float = Field(60.0, description="seconds between two updates", gt=0)
