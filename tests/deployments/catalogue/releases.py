"""A small release for tests of the catalogue: real towers and a real FAISS index, without models that rank."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from cluster.ads import AD
from cluster.post_table import PostTable
from cluster.posts import Post
from cluster.settings import Catalogue as Limits
from cluster.vocabulary import KINDS, Vocabularies, Vocabulary
from deployments.catalogue.catalogue import Catalogue
from kernels.actions import ACTIONS
from kernels.columns import CONTENT_DIM
from tests.deployments.queries import AUTHORS, post_table
from tests.kernels.columns import NOW
from training.models.post_tower import PostTower, post_codes, post_numbers, unit
from training.models.session import SessionShape
from training.models.session_network import SessionNetwork
from training.models.two_tower import AGES, DIM, UserTower
from training.release.index import build_index

POSTS = 40
TOPICS = ("cars", "food", "sea", "sport")


def release(posts: int = POSTS) -> Any:
    rng = np.random.default_rng(0)
    table = post_table(posts)
    columns = table.columns
    as_told = columns._replace(content=unit(columns.content), duration_s=np.round(columns.duration_s, 3))
    table = PostTable(table.post_ids, table.author_ids, as_told)
    tower = PostTower(
        rng.normal(size=(CONTENT_DIM + 4, DIM)).astype(np.float32) * 0.2,
        rng.normal(size=DIM).astype(np.float32) * 0.1,
        tuple(rng.normal(size=(size, DIM)).astype(np.float32) * 0.1 for size in (7, 5, len(AUTHORS))),
    )
    ids = rng.normal(size=(posts, DIM)).astype(np.float32) * 0.3
    history = ids + tower.encode(post_numbers(table.columns), post_codes(table.columns))
    index, _ = build_index(unit(history), unit(history))
    torch.manual_seed(0)
    session = SessionNetwork(SessionShape(length=8, width=16), torch.from_numpy(history), torch.empty(0), 0.0)
    none = Vocabulary()
    return SimpleNamespace(
        posts=table,
        vocabularies=Vocabularies(
            Vocabulary(KINDS), Vocabulary(TOPICS), Vocabulary(("north", "south")), none, none, none, none
        ),
        user_tower=UserTower(
            history, np.ones(1 << len(ACTIONS), np.float32), np.ones(AGES, np.float32), np.zeros(DIM, np.float32)
        ),
        post_tower=tower,
        session_encoder=session.encoder(),
        index=index,
        ads=np.zeros(0, AD),
        similar_authors=np.array([[1, 2], [2, -1], [0, 1]], np.int32),
        popular=np.arange(posts, dtype=np.int32)[::-1].copy(),
    )


def catalogue(posts: int = POSTS, **limits: Any) -> Catalogue:
    return Catalogue(release(posts), Limits(**limits))


def post(post_id: int, seed: int | None = None, **fields: Any) -> Post:
    """A post by a new author, published now, whose content comes from `seed`."""
    vector = np.random.default_rng(post_id if seed is None else seed).normal(size=CONTENT_DIM)
    told = {"author_id": 900, "created_ms": NOW, "kind": "video", "embedding": vector.tolist(), **fields}
    return Post(post_id=post_id, **told)


def vector_of(live: Catalogue, post_id: int) -> np.ndarray:
    """The unit vector under which a post is found."""
    row = live.posts.post_rows(np.array([post_id]))
    return unit(live.user_tower.history_vectors[row])[0]
