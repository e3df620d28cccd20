"""What people ask of a deployment, and of what it is to be built."""

import math
from dataclasses import dataclass
from typing import Final

from cluster.errors import InvalidField

DAY_S: Final = 86_400
#: More of anything than there can be.
MOST: Final = 1e13


@dataclass(frozen=True, slots=True)
class Demand:
    """Of all regions together. Raises InvalidField naming the option that cannot be."""

    dau: float
    """People who ask for feeds on a day."""
    users: float
    """People whose state is kept."""
    model_users: float
    """People whom the models know by id: as many as are kept, or fewer."""
    posts: float
    """Posts that feeds may hold."""
    dim: int
    feeds_per_user_day: float
    events_per_feed: float
    peak_factor: float
    """Load at the peak of a region's day over its mean."""
    regions: int

    def __post_init__(self) -> None:
        for name in ("dau", "posts", "feeds_per_user_day"):
            check(name, getattr(self, name), 0, MOST, above=True)
        check("users", self.users, self.dau, MOST)
        check("model_users", self.model_users, 0, self.users)
        check("events_per_feed", self.events_per_feed, 0, 1e6)
        check("dim", self.dim, 1, 4096)
        check("peak_factor", self.peak_factor, 1, 20)
        check("regions", self.regions, 1, 1000)

    @property
    def feeds_mean(self) -> float:
        """Feeds/s in one region."""
        return self.dau * self.feeds_per_user_day / DAY_S / self.regions

    @property
    def feeds_peak(self) -> float:
        return self.feeds_mean * self.peak_factor

    @property
    def events_mean(self) -> float:
        """Events/s in one region."""
        return self.feeds_mean * self.events_per_feed

    @property
    def events_peak(self) -> float:
        return self.feeds_peak * self.events_per_feed


@dataclass(frozen=True, slots=True)
class Goals:
    """What is asked of the deployment. Raises InvalidField naming the option that cannot be."""

    p99_ms: float
    utilisation: float
    """Share of the load at which p99 is just kept that is used at the peak."""
    zones: int
    """Availability zones, one of which may be lost; with 1, a node."""
    copies: int
    """Of each store's data."""
    store_gib: float
    """Most data in one Valkey."""
    retention_hours: float
    """How long events stay in the event store."""
    explain_gib: float
    """State store that each feed server uses to explain feeds."""

    def __post_init__(self) -> None:
        check("utilisation", self.utilisation, 0, 1, above=True)
        check("zones", self.zones, 1, 100)
        check("copies", self.copies, 1, 100)
        check("store_gib", self.store_gib, 0, MOST, above=True)
        check("retention_hours", self.retention_hours, 0, 24 * 365, above=True)


@dataclass(frozen=True, slots=True)
class NodeShape:
    """Raises InvalidField naming the option that cannot be."""

    cpus: int
    memory_gib: float
    price: float | None
    """Of an hour."""
    gpu_feeds_per_s: float | None = None
    """Feeds/s that one GPU ranks; None: there are none, and feed servers rank."""

    def __post_init__(self) -> None:
        check("node_cpus", self.cpus, 1, 10_000)
        check("node_memory_gib", self.memory_gib, 0, MOST, above=True)
        if self.price is not None:
            check("node_price", self.price, 0, MOST)
        if self.gpu_feeds_per_s is not None:
            check("gpu_feeds_per_s", self.gpu_feeds_per_s, 0, MOST, above=True)


def check(name: str, value: float, least: float, most: float, above: bool = False) -> None:
    """Raises InvalidField, naming the option, unless `value` is from `least`, or `above` it, to `most`."""
    if not (least < value <= most if above else least <= value <= most) or not math.isfinite(value):
        allowed = f"above {least:g}, at most {most:g}" if above else f"{least:g} to {most:g}"
        raise InvalidField(f"--{name.replace('_', '-')}", value, f"must be {allowed}")
