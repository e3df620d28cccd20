"""A shard of one release: the catalogue of the posts that it owns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import faiss
import msgspec
import numpy as np
from numpy.typing import NDArray

from cluster.ads import AD
from cluster.post_table import PostTable, columns_at
from cluster.posts import Post
from cluster.release import Release
from cluster.settings import Catalogue as Limits
from cluster.vocabulary import Vocabularies
from deployments.catalogue.catalogue import Catalogue
from deployments.catalogue.live_index import LiveIndex
from deployments.retrieval.nearby import Nearby
from deployments.retrieval.part import Part
from kernels.columns import F32
from training.models.post_tower import PostTower
from training.models.session import SessionEncoder
from training.models.two_tower import UserTower
from training.release.index import PROBED, make_index


@dataclass(frozen=True, slots=True)
class PartOfRelease:
    """What a catalogue needs of a release, of some of its posts."""

    posts: PostTable
    vocabularies: Vocabularies
    index: Any
    user_tower: UserTower
    post_tower: PostTower
    ads: NDArray[np.void]
    session_encoder: SessionEncoder | None = None

    @classmethod
    def load(cls, release: Release, part: Part) -> Self:
        """Verify the release, and build the index of the part from its vectors. Raises CascadeError."""
        release.verify()
        folder = release.folder
        posts, tower = PostTable.load(folder / "posts"), UserTower.load(folder / "two_tower")
        vectors = np.load(folder / "two_tower" / "post_vectors.npy", mmap_mode="r")
        rows = part.owned(posts.post_ids)
        share = release.manifest.metrics.get("index", {}).get("probed", PROBED)  # as in that of the whole release
        faiss.omp_set_num_threads(1)
        return cls(
            posts=PostTable(posts.post_ids[rows], posts.author_ids, columns_at(posts.columns, rows)),
            vocabularies=msgspec.json.decode((folder / "vocabularies.json").read_bytes(), type=Vocabularies),
            index=make_index(vectors, rows, share),
            user_tower=replace(tower, history_vectors=tower.history_vectors[rows]),
            post_tower=PostTower.load(folder / "two_tower"),
            ads=np.zeros(0, AD),
        )


class Shard(Catalogue):
    """Takes in what is published of its posts alone. Rows are its own: others know posts by their ids."""

    def __init__(self, release: PartOfRelease, part: Part, limits: Limits) -> None:
        super().__init__(release, limits)
        self._part = part

    def apply(self, posts: Sequence[Post]) -> None:
        super().apply(self._part.of(posts))

    def nearest(self, vectors: F32, wanted: Sequence[int]) -> list[Nearby]:
        """For each of the unit vectors [V, D] up to so many of its nearest posts as are wanted [V]."""
        assert isinstance(self.index, LiveIndex)
        return [Nearby(self.posts.post_ids[rows], scores) for rows, scores in self.index.nearest(vectors, wanted)]
