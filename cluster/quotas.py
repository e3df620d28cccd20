"""Settings of how many candidates there are at each step of the pipeline."""

from typing import Final

from pydantic import Field, ValidationInfo, field_validator

from cluster.section import Count, Section

#: Of the quotas, those of sources.
_SOURCES: Final = ("long_term", "session", "following", "similar_creators", "popular", "trending", "fresh", "ads")


class Quotas(Section):
    """Candidates at each step of the pipeline."""

    long_term: Count = Field(300, description="candidates near the user's long-term taste")
    session: Count = Field(200, description="candidates near what the last actions are after")
    following: Count = Field(100, description="candidates from authors whom the user follows")
    similar_creators: Count = Field(50, description="candidates from authors who post like those")
    following_hours: Count = Field(48, description="how old a post of either may be")
    popular: Count = Field(250, description="candidates from what is popular")
    trending: Count = Field(50, description="candidates from what trends, in the user's region and everywhere")
    fresh: Count = Field(100, description="candidates from new uploads")
    ads: Count = Field(20, description="ads that are ranked for the ad slots")
    fresh_hours: Count = Field(24 * 7, description="how old a fresh upload may be")
    prerank: Count = Field(300, description="candidates that are pre-ranked")
    rank: Count = Field(100, description="candidates that are ranked")

    @field_validator("prerank")
    @classmethod
    def _are_brought(cls, prerank: int, others: ValidationInfo) -> int:
        brought = sum(others.data.get(source, prerank) for source in _SOURCES)
        if prerank > brought:
            raise ValueError(f"must be at most {brought}, which is all that the sources bring")
        return prerank

    @field_validator("rank")
    @classmethod
    def _are_preranked(cls, rank: int, others: ValidationInfo) -> int:
        if rank > others.data.get("prerank", rank):
            raise ValueError(f"must be at most `prerank`, which is {others.data['prerank']}")
        return rank
