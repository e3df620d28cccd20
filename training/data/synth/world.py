"""The known truth of a synthetic data set: what each person would do with each post, and live answers."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from cluster.errors import CascadeError, InvalidField
from kernels.actions import ACTIONS
from kernels.columns import I32, I64
from training.data.dataset import DataSet
from training.data.synth.behaviour import (
    F64,
    Answer,
    Outlook,
    Situation,
    answer,
    examination,
    expected_watch_s,
    outlook,
)
from training.data.synth.graph import Edges
from training.data.synth.parameters import Parameters
from training.data.synth.population import FIRST_USER, People
from training.data.synth.posts import FIRST_POST, Posts

#: Folder of the truth inside a data set; no model may read it.
TRUTH: Final = "truth"


@dataclass(frozen=True, slots=True)
class World:
    """The truth about U users and P posts. Ids are public ids; methods are pure."""

    parameters: Parameters
    people: People
    posts: Posts
    follow: Edges

    @classmethod
    def load(cls, folder: Path) -> "World":
        """The world of a synthetic data set. Raises CascadeError when `folder` holds none."""
        truth = Path(folder) / TRUTH
        try:
            parameters = msgspec.json.decode((truth / "parameters.json").read_bytes(), type=Parameters)
            with np.load(truth / "people.npz") as people, np.load(truth / "posts.npz") as posts:
                latent = People(**people), Posts(**posts)
        except FileNotFoundError:
            raise CascadeError(f"{folder} has no synthetic truth", "make a world with `cascade data synth`") from None
        follows = DataSet.open(folder).read("follows")
        follows = follows.filter(pc.equal(follows["kind"], "follow"))
        user, author, since = (follows[name].to_numpy() for name in ("user_id", "author_id", "time_ms"))
        return cls(parameters, *latent, Edges.of(parameters.users, user - FIRST_USER, author - FIRST_USER, since))

    def save(self, folder: Path) -> None:
        """Write the truth below the data set `folder`, whose `follows` table completes it."""
        truth = folder / TRUTH
        truth.mkdir()
        (truth / "parameters.json").write_bytes(msgspec.json.encode(asdict(self.parameters)))
        np.savez(truth / "people.npz", allow_pickle=False, **self.people._asdict())
        np.savez(truth / "posts.npz", allow_pickle=False, **self.posts._asdict())

    def probabilities(
        self,
        user_ids: npt.ArrayLike,
        post_ids: npt.ArrayLike,
        time_ms: npt.ArrayLike,
        position: npt.ArrayLike | None = None,
    ) -> dict[str, F64]:
        """What follows when users are shown posts: float64 [N] per head; the arguments broadcast to N pairs.

        Heads are the actions, as probabilities, and `watch_time`, the expected seconds. Without `position` they hold
        given that the person looks at the post: this is the relevance by which a perfect ranker sorts. With it they
        are what the log shows at that position. Raises InvalidField for an id that is not of this world.
        """
        at = self._situation(user_ids, post_ids, time_ms)
        look = outlook(self.people, self.posts, at, self.parameters.drift)
        seen = 1.0 if position is None else examination(np.broadcast_to(np.asarray(position), at.user.shape))
        heads = {action: look.probability[:, i] * seen for i, action in enumerate(ACTIONS)}
        return heads | {"watch_time": expected_watch_s(look) * seen}

    def act(self, user_id: int, post_ids: npt.ArrayLike, time_ms: int, rng: np.random.Generator) -> Answer:
        """What a user does with a list of K posts, best first, shown from `time_ms` on: arrays [K].

        Drawn as the log was: the position decides whether the user looks at a post. Follows that the answers add
        are the caller's to remember. Raises InvalidField for an id that is not of this world.
        """
        at = self._situation(user_id, post_ids, time_ms)
        look: Outlook = outlook(self.people, self.posts, at, self.parameters.drift)
        return answer(look, np.arange(len(at.user)), rng)

    def _situation(self, user_ids: npt.ArrayLike, post_ids: npt.ArrayLike, time_ms: npt.ArrayLike) -> Situation:
        shape = np.broadcast_shapes(np.shape(user_ids), np.shape(post_ids), np.shape(time_ms), (1,))
        user = _rows("user_id", user_ids, FIRST_USER, len(self.people.taste), shape)
        post = _rows("post_id", post_ids, FIRST_POST, len(self.posts.author), shape)
        time: I64 = np.broadcast_to(np.asarray(time_ms, np.int64), shape)
        return Situation(user, post, time, self.follow.since(user, self.posts.author[post]) <= time)


def _rows(name: str, ids: npt.ArrayLike, first: int, count: int, shape: tuple[int, ...]) -> I32:
    rows = np.broadcast_to(np.asarray(ids, np.int64) - first, shape)
    strange = (rows < 0) | (rows >= count)
    if strange.any():
        raise InvalidField(name, int(rows[strange][0]) + first, f"this world has {first} to {first + count - 1}")
    return rows.astype(np.int32)
