"""Days of a synthetic world: people come, the policy shows posts, people answer, and the world remembers."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernels.actions import ACTIONS, BIT, POSITIVE
from kernels.columns import DAY_MS, I16, I32, I64
from training.data.progress import Progress
from training.data.synth.behaviour import Answer, Situation, answer, outlook
from training.data.synth.graph import Graph
from training.data.synth.parameters import START_MS, Parameters
from training.data.synth.policy import EMPTY, Memory, Policy, Shelf
from training.data.synth.population import DEVICES, REGIONS, People, names, user_ids
from training.data.synth.posts import Posts, post_ids
from training.data.synth.sessions import (
    CONNECTIONS,
    ROUNDS,
    SURFACES,
    Sessions,
    plan_day,
    sessions_of,
    take,
    versions,
)

#: Sessions simulated at once: bounds the memory of their candidates.
CHUNK: Final = 8_192
#: A post that is passed over still takes this long; after one that was looked at comes a moment of up to a second.
SKIP_MS: Final = 400
BLOCK_AFTER_REPORT: Final = 0.5
MUTE_AFTER_HIDE: Final = 0.2
_IS_POSITIVE: Final = np.array([bool(BIT[action] & POSITIVE) for action in ACTIONS])


class Shown(NamedTuple):
    """N impressions with what followed; `session` are rows of `sessions`."""

    sessions: Sessions
    session: I32  # [N]
    post: I32  # [N] post rows
    position: I16  # [N]
    time_ms: I64  # [N]
    answer: Answer

    @property
    def user(self) -> I32:
        return self.sessions.user[self.session]


class Simulation:
    """A run over the days of a world. `graph` grows while `impressions` is consumed."""

    def __init__(self, parameters: Parameters, people: People, posts: Posts, graph: Graph) -> None:
        self.graph = graph
        self._parameters, self._people, self._posts = parameters, people, posts
        self._memory = Memory.of(parameters, posts)
        self._policy = Policy(people, posts, parameters.drift)

    def impressions(self, progress: Progress) -> Iterator[pa.Table]:
        """The `impressions` of each day, in time order."""
        days = self._parameters.days
        for day in range(days):
            progress("simulate days", day, days)
            shown = self._day(day)
            if shown:
                yield self._table(shown)
        progress("simulate days", days, days)

    def _day(self, day: int) -> list[Shown]:
        plan = plan_day(self._parameters, self._people, day)
        shelf = Shelf(self._people, self._posts, self._memory.popularity, day)
        free_ms = np.zeros(len(self._people.taste), np.int64)
        shown: list[Shown] = []
        for round_ in range(ROUNDS):
            rng = self._parameters.rng("session", day, round_)
            sessions = sessions_of(rng, self._people, plan, round_, free_ms, day)
            parts = [
                self._play(rng, shelf, take(sessions, slice(begin, begin + CHUNK)), day)
                for begin in range(0, len(sessions.user), CHUNK)
            ]
            for part in parts:
                np.maximum.at(free_ms, part.user, part.time_ms + part.answer.watch_ms)
                self._remember(rng, part)
            shown += parts
        if shown:
            positives = [np.sum(part.answer.actions[:, _IS_POSITIVE], axis=1) for part in shown]
            self._memory.end_day(np.concatenate([part.post for part in shown]), np.concatenate(positives))
        return shown

    def _play(self, rng: np.random.Generator, shelf: Shelf, sessions: Sessions, day: int) -> Shown:
        """Show posts in each session, draw the answers, and end the day at midnight."""
        feed = self._policy.fill(rng, shelf, self._memory, self.graph, sessions)
        session, position = np.nonzero(feed != EMPTY)
        post = feed[session, position]
        user, begin_ms = sessions.user[session], sessions.begin_ms[session]
        # No author comes twice in a session, so what happens in it changes nothing for its other posts.
        following = self.graph.follow.since(user, self._posts.author[post]) <= begin_ms
        look = outlook(self._people, self._posts, Situation(user, post, begin_ms, following), self._parameters.drift)
        answers = answer(look, position, rng)
        pause = np.where(answers.examined, rng.integers(SKIP_MS, 1_400, len(post)), SKIP_MS)
        time_ms = begin_ms + _before(answers.watch_ms + pause, position)
        awake = time_ms < START_MS + (day + 1) * DAY_MS
        return Shown(
            sessions,
            session[awake].astype(np.int32),
            post[awake],
            position[awake].astype(np.int16),
            time_ms[awake],
            Answer._make(column[awake] for column in answers),
        )

    def _remember(self, rng: np.random.Generator, shown: Shown) -> None:
        """Mark posts as seen; follow, block and mute as the answers say, from the end of the impression on."""
        user, author = shown.user.astype(np.int64), self._posts.author[shown.post].astype(np.int64)
        after_ms = shown.time_ms + np.maximum(shown.answer.watch_ms, 1)
        self._memory.show(shown.user, shown.post)

        def did(action: str, share: float = 1.0) -> NDArray[np.intp]:
            rows = np.flatnonzero(shown.answer.actions[:, ACTIONS.index(action)])
            return rows[rng.random(len(rows)) < share]

        follow, block, mute = did("follow"), did("report", BLOCK_AFTER_REPORT), did("hide", MUTE_AFTER_HIDE)
        self.graph = Graph(
            follow=self.graph.follow.with_new(user[follow], author[follow], after_ms[follow]),
            close_friend=self.graph.close_friend,
            block=self.graph.block.with_new(user[block], author[block], after_ms[block]),
            mute=self.graph.mute.with_new(user[mute], author[mute], after_ms[mute]),
        )

    def _table(self, parts: list[Shown]) -> pa.Table:
        tables = [self._part_table(part) for part in parts]
        return pa.concat_tables(tables).sort_by([("time_ms", "ascending"), ("user_id", "ascending")])

    def _part_table(self, shown: Shown) -> pa.Table:
        sessions = take(shown.sessions, shown.session)
        columns = {
            "user_id": user_ids(sessions.user),
            "post_id": post_ids(shown.post),
            "time_ms": shown.time_ms,
            "position": shown.position.astype(np.int32),
            "surface": names(SURFACES, sessions.surface),
            "device": names(DEVICES, sessions.device),
            "connection": names(CONNECTIONS, sessions.connection),
            "app_version": names(versions(self._parameters.days), sessions.version),
            "region": names(REGIONS, sessions.region),
            "watch_ms": shown.answer.watch_ms,
        }
        labels = {action: shown.answer.actions[:, i] for i, action in enumerate(ACTIONS)}
        return pa.table(columns | labels)


def _before(length: I64, position: NDArray[np.integer]) -> I64:
    """Sum of the lengths before each row of its session; sessions are consecutive and begin at position 0."""
    total = np.cumsum(length) - length
    starts = np.flatnonzero(position == 0)
    return total - np.repeat(total[starts], np.diff(np.append(starts, len(position))))
