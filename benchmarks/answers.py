"""What answers say about themselves: read after a run, so that reading takes no time from the server."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from cluster.wire import EventsResponse, FeedResponse


@dataclass(frozen=True, slots=True)
class Stage:
    """Milliseconds that a stage took by the server's own clock."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Answers:
    """Counts over the 200 answers of a run, and the stage times in them."""

    malformed: int = 0
    """Not what was to be answered; counts as an error."""
    degraded: int = 0
    """The server did without some component or dependency."""
    short: int = 0
    """Fewer items than were asked for."""
    cold_start: int = 0
    stages_ms: dict[str, Stage] = field(default_factory=dict)
    quality: float = 1.0
    """Mean share of the candidates that feeds were made of."""


def read_feeds(bodies: Sequence[bytes], limit: int) -> Answers:
    """Read the bodies of 200 answers to requests for `limit` posts."""
    decoder = msgspec.json.Decoder(FeedResponse)
    malformed = degraded = short = cold_start = 0
    spared = 0.0
    stages: dict[str, list[float]] = {}
    for body in bodies:
        try:
            feed = decoder.decode(body)
        except msgspec.MsgspecError:
            malformed += 1
            continue
        degraded += bool(feed.degraded)
        short += len(feed.items) < limit
        cold_start += feed.cold_start
        spared += 0.0 if feed.quality is None else 1 - feed.quality
        for stage, ms in feed.timings_ms.items():
            stages.setdefault(stage, []).append(ms)
    summary = {stage: Stage(*np.round(np.percentile(ms, (50, 99)), 3).tolist()) for stage, ms in stages.items()}
    quality = round(1 - spared / max(1, len(bodies) - malformed), 3)
    return Answers(malformed, degraded, short, cold_start, summary, quality)


def read_acknowledgements(bodies: Sequence[bytes], batch: int) -> Answers:
    """Read the bodies of 200 answers to `batch` events each, all of them good and new."""
    decoder = msgspec.json.Decoder(EventsResponse)
    malformed = 0
    for body in bodies:
        try:
            answer = decoder.decode(body)
        except msgspec.MsgspecError:
            malformed += 1
        else:
            malformed += answer.accepted != batch or answer.repeated > 0
    return Answers(malformed)


def read_nothing(_bodies: Sequence[bytes]) -> Answers:
    """For answers that are no feeds."""
    return Answers()
