"""Smoothed rates: how often an action follows an impression, for counts too small to divide."""

from typing import Final

from kernels.jit import kernel

#: Impressions that the mean over all posts weighs in a post's, an author's or a user's rate.
RATE_PRIOR: Final = 20.0


@kernel
def rate(count: float, impressions: float, prior: float) -> float:
    """Smoothed actions per impression: the mean over all posts weighs as much as RATE_PRIOR impressions."""
    return (count + RATE_PRIOR * prior) / (impressions + RATE_PRIOR)
