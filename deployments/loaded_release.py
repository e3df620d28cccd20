"""A release in memory: everything the pipeline's components read, loaded once and replaced as a whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np
from numpy.typing import NDArray

from cluster.ads import load_ads
from cluster.post_table import PostTable
from cluster.ranker_backend import DEFAULT, RankerBackend
from cluster.release import Release
from cluster.vocabulary import Vocabularies
from deployments.rankers.loading import load_ranker
from deployments.scorers.rank import Ranker
from kernels.columns import I32, I64
from kernels.trees import Forest
from training.models.forest import load_forest
from training.models.post_tower import PostTower
from training.models.session import SessionEncoder
from training.models.two_tower import UserTower
from training.release.similar_authors import FILE as SIMILAR


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """P posts, U users known to the models; arrays are memory-mapped where they are large."""

    release: Release
    posts: PostTable
    vocabularies: Vocabularies
    user_ids: I64  # [U] ascending
    popular: I32  # post rows, most liked lately first
    index: Any  # faiss index over post rows; None: shards have it
    user_tower: UserTower
    post_tower: PostTower
    forest: Forest
    ranker: Ranker
    ads: NDArray[np.void]  # cluster.ads.AD[A]
    similar_authors: I32  # [A, S] rows; none (S = 0) in releases from before there were any
    session_encoder: SessionEncoder | None = None  # none in releases from before there was one

    @classmethod
    def load(cls, release: Release, backend: RankerBackend = DEFAULT, remote: Ranker | None = None) -> "LoadedRelease":
        """Verify every file and load them, the ranker as `backend` says. Raises CascadeError naming the files that are
        damaged, and as `load_ranker`.

        `remote`: stands for the ranker where other processes have it and the index.
        """
        release.verify()
        folder = release.folder
        user_tower = UserTower.load(folder / "two_tower")
        return cls(
            release=release,
            posts=PostTable.load(folder / "posts"),
            vocabularies=msgspec.json.decode((folder / "vocabularies.json").read_bytes(), type=Vocabularies),
            user_ids=np.load(folder / "user_ids.npy", mmap_mode="r"),
            popular=np.load(folder / "popular.npy"),
            index=None if remote else _read_index(folder / "posts.faiss"),
            user_tower=user_tower,
            post_tower=PostTower.load(folder / "two_tower"),
            forest=load_forest(folder / "prerank.npz"),
            ranker=remote or load_ranker(release, backend),
            ads=load_ads(folder),
            similar_authors=_read_similar(folder / SIMILAR),
            session_encoder=_read_session(folder / "session", user_tower),
        )


def _read_session(folder: Path, user_tower: UserTower) -> SessionEncoder | None:
    return SessionEncoder.load(folder, user_tower.history_vectors) if folder.exists() else None


def _read_similar(path: Path) -> I32:
    return np.load(path, mmap_mode="r") if path.exists() else np.zeros((0, 0), np.int32)


def _read_index(path: Path) -> Any:
    # One thread a replica: its requests run side by side, and OpenMP's hand-over costs more than a search.
    faiss.omp_set_num_threads(1)
    return faiss.read_index(str(path))
