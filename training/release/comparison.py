"""Two releases on the same held-out lists."""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from cluster.post_table import rows_of
from cluster.release import Release
from cluster.vocabulary import UNKNOWN, Vocabularies
from kernels.columns import F32, I64
from kernels.features import INDEX
from training.evaluation.bootstrap import Interval, difference
from training.evaluation.quality import draws_of
from training.models.ranker import RankerModel
from training.release.held_out import HeldOut, label_of, predict

#: Features that are codes of a release's own, and the vocabulary of each.
CODED: Final = {
    "post_topic": "topic",
    **{name: name for name in ("surface", "device", "connection", "app_version", "region")},
}


def gain(release: Release, other: Release) -> Interval | None:
    """How much better `release` ranks than `other`, on the held-out day of the one with the later data.

    Neither has learned from that day. The mean of GAUC and nDCG, drawn again user by user. None when the two have no
    head in common that tells. Raises CascadeError for a release that this build cannot load.
    """
    judge = max(release, other, key=lambda each: each.manifest.data_end_ms)
    held, words = HeldOut.load(judge.folder), _vocabularies(judge)
    mine, theirs = _Scorer.of(release), _Scorer.of(other)
    label = label_of(head for head in mine.model.heads if head in theirs.model.heads)
    if label is None or not held.labelled(label).any():
        return None
    rows = held.labelled(label)
    scores = {name: scorer.scores(held, words, label)[rows] for name, scorer in (("mine", mine), ("theirs", theirs))}
    draws = draws_of(held.user_id[rows], held.labels(label)[rows], scores, held.user_id[rows])
    return difference(draws["mine"]["primary"], draws["theirs"]["primary"])


class _Scorer(NamedTuple):
    """A release's ranker, with the rows and codes that it knows."""

    model: RankerModel
    users: I64
    posts: I64
    words: Vocabularies

    @classmethod
    def of(cls, release: Release) -> "_Scorer":
        folder = release.folder
        users, posts = np.load(folder / "user_ids.npy"), np.load(folder / "posts" / "post_ids.npy")
        return cls(RankerModel.load(folder / "ranker"), users, posts, _vocabularies(release))

    def scores(self, held: HeldOut, words: Vocabularies, label: str) -> F32:
        """The prediction of a head for rows that are coded by `words`."""
        users, posts = (
            rows_of(ids, known).astype(np.int64)
            for ids, known in ((held.user_id, self.users), (held.post_id, self.posts))
        )
        predictions = predict(self.model, held, users, posts, recoded(held.x, words, self.words))
        return predictions[:, self.model.heads.index(label)]


def recoded(x: F32, words: Vocabularies, others: Vocabularies) -> F32:
    """X[N, F] with codes of `others` in place of those of `words`."""
    if words == others:
        return x
    x = x.copy()
    for feature, name in CODED.items():
        known = getattr(others, name).codes()
        codes = [UNKNOWN, *(known.get(value, UNKNOWN) for value in getattr(words, name).values)]
        x[:, INDEX[feature]] = np.array(codes, np.float32)[x[:, INDEX[feature]].astype(np.int64)]
    return x


def _vocabularies(release: Release) -> Vocabularies:
    return msgspec.json.decode((release.folder / "vocabularies.json").read_bytes(), type=Vocabularies)
