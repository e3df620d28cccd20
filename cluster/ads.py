"""Ads: their settings, and how a release keeps them."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from cluster.section import Section
from kernels.actions import ACTIONS

#: The row of a post that is an ad, the price of one engagement with it, and impressions per user and day.
AD: Final = np.dtype([("row", "<i4"), ("bid", "<f4"), ("daily_cap", "<i4")])
NO_CAP: Final = np.iinfo(np.int32).max
FILE: Final = "ads.npy"


class Ads(Section):
    """Posts that advertisers pay for."""

    slots: list[int] = Field(
        [4, 12, 20, 28, 36, 44], description="positions of home that hold an ad, if there is one; the first is 0"
    )
    engagements: list[str] = Field(
        ["click", "like", "comment", "share", "save", "follow"], description="heads that count as an engagement"
    )
    annoyance: float = Field(
        20.0, description="share of its value that an ad loses for each expected hide or report", ge=0
    )

    @field_validator("slots")
    @classmethod
    def _ascending(cls, slots: list[int]) -> list[int]:
        if slots != sorted(set(slots)) or any(slot < 0 for slot in slots):
            raise ValueError("must be positions in ascending order, 0 or more")
        return slots

    @field_validator("engagements")
    @classmethod
    def _heads_exist(cls, engagements: list[str]) -> list[str]:
        unknown = sorted(set(engagements) - set(ACTIONS))
        if unknown:
            raise ValueError(f"unknown heads {unknown}; allowed are {list(ACTIONS)}")
        return engagements


def load_ads(folder: Path) -> NDArray[np.void]:
    """AD[A] of a release; none in releases from before there were any."""
    path = folder / FILE
    return np.load(path) if path.exists() else np.zeros(0, AD)
