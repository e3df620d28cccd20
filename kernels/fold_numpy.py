"""The twin of `kernels.fold.fold_users`: users as dictionaries and lists, as its test oracle."""

import math
from dataclasses import dataclass, field

import numpy as np

from kernels.actions import ACTIONS, COUNT, COUNTS, POSITIVE
from kernels.columns import AUTHORS, DAY_MS, DAYS, F32, HISTORY, HOUR_MS, TOPICS
from kernels.decay import DAY, MONTH, WINDOWS_MS
from kernels.fold import CLEAR, IMPRESSION, NO_TOPIC, NOBODY, SEEN, VIEW, Events

Effect = tuple[int, int, float, int]


def _fade(age_ms: int, window: int) -> float:
    return math.exp(-age_ms / WINDOWS_MS[window]) if age_ms > 0 else 1.0


def count_numpy(counts: F32, counted_ms: int, column: int, amount: float, time_ms: int) -> int:
    """`kernels.decay.count` on one row [W, N], in place; returns its new reference time."""
    if time_ms > counted_ms:
        if counted_ms > 0:
            for w in range(len(WINDOWS_MS)):
                counts[w] = counts[w].astype(np.float64) * _fade(time_ms - counted_ms, w)
        counted_ms = time_ms
    for w in range(len(WINDOWS_MS)):
        counts[w, column] = max(0.0, float(counts[w, column]) + amount * _fade(counted_ms - time_ms, w))
    return counted_ms


@dataclass
class Impression:
    post: int
    time_ms: int
    actions: int = 0
    watch_s: float = 0.0


@dataclass
class Weights:
    """id -> [shown, engaged] of at most `size` authors or topics, in the order of their places."""

    size: int
    ids: list[int] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)

    def decay(self, age_ms: int) -> None:
        for pair in self.values:
            for i, window in enumerate((DAY, MONTH)):
                pair[i] = float(np.float32(pair[i] * _fade(age_ms, window)))

    def add(self, which: int, shown: float, engaged: float) -> None:
        if which not in self.ids:
            if len(self.ids) < self.size:
                self.ids.append(which)
                self.values.append([0.0, 0.0])
            else:
                lightest = min(range(self.size), key=lambda k: sum(self.values[k]))
                self.ids[lightest], self.values[lightest] = which, [0.0, 0.0]
        pair = self.values[self.ids.index(which)]
        pair[:] = (float(np.float32(max(0.0, old + new))) for old, new in zip(pair, (shown, engaged), strict=True))


@dataclass
class User:
    daily: dict[tuple[int, int], float] = field(default_factory=dict)  # (local day, column) -> count
    last_day: int = 0
    hours: F32 = field(default_factory=lambda: np.zeros(24, np.float32))
    counts: F32 = field(default_factory=lambda: np.zeros((len(WINDOWS_MS), len(COUNTS)), np.float32))
    counted_ms: int = 0
    history: list[Impression] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)  # (post, Unix seconds), oldest first
    authors: Weights = field(default_factory=lambda: Weights(AUTHORS))
    topics: Weights = field(default_factory=lambda: Weights(TOPICS))

    def fold(
        self, post: int, author: int, topic: int, time_ms: int, code: int, watch_s: float, offset_ms: int
    ) -> list[tuple[int, float, int]]:
        """Effects (column, amount, time_ms) of one event."""
        effects: list[tuple[int, float, int]] = []
        shown = None if code == IMPRESSION else self._latest(post)
        if shown is None:
            if CLEAR <= code < IMPRESSION:
                return []
            shown = self._show(post, author, topic, time_ms, offset_ms)
            effects.append((COUNT["impression"], 1.0, time_ms))
        if code == IMPRESSION or shown not in self.history:
            return effects
        if code == VIEW:
            column, amount = COUNT["watch_s"], watch_s - shown.watch_s
            if amount <= 0:
                return effects
            shown.watch_s = watch_s
        else:
            mask, column, amount = 1 << code % CLEAR, COUNT[ACTIONS[code % CLEAR]], 1.0 if code < CLEAR else -1.0
            if bool(shown.actions & mask) == (code < CLEAR):
                return effects
            shown.actions ^= mask
            if mask & POSITIVE:
                self._weigh(author, topic, 0.0, amount * _fade(self.counted_ms - shown.time_ms, MONTH))
        self._count(column, amount, shown.time_ms, offset_ms)
        return [*effects, (column, amount, shown.time_ms)]

    def _latest(self, post: int) -> Impression | None:
        return next((shown for shown in reversed(self.history) if shown.post == post), None)

    def _show(self, post: int, author: int, topic: int, time_ms: int, offset_ms: int) -> Impression:
        shown = Impression(post, time_ms)
        later = sum(other.time_ms > time_ms for other in self.history)
        self.history.insert(len(self.history) - later, shown)
        if len(self.history) > HISTORY:
            oldest = self.history.pop(0)
            self.seen = [*self.seen, (oldest.post, oldest.time_ms // 1000)][-SEEN:]
        if self.counted_ms:
            for weights in (self.authors, self.topics):
                weights.decay(time_ms - self.counted_ms)
        self._count(COUNT["impression"], 1.0, time_ms, offset_ms)
        self.hours[(time_ms + offset_ms) // HOUR_MS % 24] += 1
        self._weigh(author, topic, _fade(self.counted_ms - time_ms, DAY), 0.0)
        return shown

    def _count(self, column: int, amount: float, time_ms: int, offset_ms: int) -> None:
        self.counted_ms = count_numpy(self.counts, self.counted_ms, column, amount, time_ms)
        day = (time_ms + offset_ms) // DAY_MS
        self.last_day = max(self.last_day, day)
        if self.last_day - day < DAYS:
            self.daily[day, column] = max(0.0, self.daily.get((day, column), 0.0) + amount)

    def _weigh(self, author: int, topic: int, shown: float, engaged: float) -> None:
        if author != NOBODY:
            self.authors.add(author, shown, engaged)
        if topic != NO_TOPIC:
            self.topics.add(topic, shown, engaged)


def fold_users_numpy(users: list[User], events: Events, utc_offset_ms: int) -> list[Effect]:
    """Fold events in order; returns the effects (event, column, amount, time_ms)."""
    effects: list[Effect] = []
    for e, (user, *event) in enumerate(zip(*(column.tolist() for column in events), strict=True)):
        effects += [(e, *effect) for effect in users[user].fold(*event, utc_offset_ms)]
    return effects
