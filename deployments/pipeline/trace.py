"""What happened to one request: times, counts, and what each component left of the candidates."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Component, Filter, Selector, Source
from kernels.columns import I32


class Span(NamedTuple):
    """One component's part in one request."""

    component: Component
    seconds: float
    candidates_in: int
    candidates_out: int


class Cut(NamedTuple):
    """A component that took candidates out. Rows that were gone before it are not its doing."""

    component: str
    reason: str
    after: I32  # post rows that were left
    before: Candidates | None = None  # None: whatever sources brought
    by_score: bool = False  # whether the scores of those are a model's, by which it went


class Arranged(NamedTuple):
    """A selector of the rules: what it was given, and the order that it answered."""

    component: str
    before: Candidates
    after: I32  # post rows


@dataclass(slots=True)
class Trace:
    """What happened to one request. Columns are those of the candidates, not copies: a request pays for none of it."""

    spans: list[Span] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)  # bit s of Candidates.sources is sources[s]
    brought: list[I32] = field(default_factory=list)  # all that each of these brought
    asked: int = 0  # sources that were enabled, whether or not they answered
    missed: float = 0.0  # what was out of reach of those that answered, as a number of sources
    cuts: list[Cut] = field(default_factory=list)
    arranged: list[Arranged] = field(default_factory=list)
    seconds: float = 0.0  # from the request's arrival to its answer

    @property
    def coverage(self) -> float:
        """Share of the enabled sources that answered; one that could look through half of its posts is half of one."""
        return (len(self.sources) - self.missed) / self.asked if self.asked else 1.0

    @property
    def removed(self) -> dict[str, I32]:
        """Post rows that each component took out, ascending."""
        removed, gone = {}, np.zeros(0, np.int32)
        for cut in self.cuts:
            if cut.before is not None:
                taken = np.setdiff1d(np.setdiff1d(cut.before.rows, cut.after), gone)
                removed[cut.component] = taken
                gone = np.append(gone, taken)
        return removed

    def stage_seconds(self) -> dict[str, float]:
        """Time spent in each stage."""
        seconds: dict[str, float] = {}
        for span in self.spans:
            seconds[span.component.stage] = seconds.get(span.component.stage, 0.0) + span.seconds
        return seconds

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds of each stage, and in all."""
        stages = {stage: round(seconds * 1e3, 3) for stage, seconds in self.stage_seconds().items()}
        return {**stages, "total": round(self.seconds * 1e3, 3)}

    def passed(self, step: Component, before: Candidates, after: Candidates) -> None:
        """Note what a step made of its candidates."""
        rules = step.stage == "rules"  # which may put a post in the place of another
        if isinstance(step, Filter | Selector) and (rules or len(after) < len(before)):
            self.cuts.append(Cut(step.name, step.reason, after.rows, before, step.stage != "candidates"))
        if rules:
            self.arranged.append(Arranged(step.name, before, after.rows))
