"""A whole release on disk whose models are drawn, made in no time, and users to ask for."""

from pathlib import Path

import faiss
import msgspec
import numpy as np
import torch
import xgboost

from cluster.ads import FILE as ADS
from cluster.live_release import LiveFile, with_live
from cluster.release import Release, Releases
from cluster.user_state import EVENT, UserState
from kernels.features import NAMES
from tests.deployments.catalogue.releases import release as tables
from tests.kernels.columns import NOW
from tests.training.models.tiny import SIZES, drawn_wide, features
from training.models.forest import forest_from_xgboost, save_forest
from training.models.inputs import Inputs
from training.models.post_tower import unit
from training.models.ranker import RankerConfig, save_ranker
from training.models.ranker_network import RankerNetwork, Shape
from training.release.similar_authors import FILE as SIMILAR

POSTS, USERS, FIRST = 300, 24, 7_000
HEADS = ("like", "long_view", "watch_time")


def drawn_release(root: Path) -> Release:
    """It is live."""
    drawn, releases, rng = tables(POSTS), Releases(root), np.random.default_rng(0)
    with releases.building() as part:
        drawn.posts.save(part / "posts")
        drawn.user_tower.save(part / "two_tower")
        drawn.post_tower.save(part / "two_tower")
        np.save(part / "two_tower" / "post_vectors.npy", unit(drawn.user_tower.history_vectors))
        drawn.session_encoder.save(part / "session")
        faiss.write_index(drawn.index, str(part / "posts.faiss"))
        np.save(part / "user_ids.npy", FIRST + np.arange(USERS))
        np.save(part / "popular.npy", drawn.popular)
        np.save(part / ADS, drawn.ads)
        np.save(part / SIMILAR, drawn.similar_authors)
        (part / "vocabularies.json").write_bytes(msgspec.json.encode(drawn.vocabularies))
        x = features(rng, 200)
        trees = xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(x, rng.integers(0, 2, 200)), 5)
        save_forest(forest_from_xgboost(trees), part / "prerank.npz")
        _write_ranker(part / "ranker", x, rng)
        sealed = releases.seal(
            part,
            dataset="drawn",
            dataset_fingerprint="",
            data_end_ms=NOW,
            utc_offset_ms=0,
            features=NAMES,
            heads=HEADS,
            recipe="none",
            recipe_fingerprint="",
            content_encoder="cluster.content_encoder:HashedEncoder",
            coverage={},
            metrics={},
            held_out={},
            versions={},
        )
    LiveFile(root).change(lambda record: with_live(record, sealed.name))
    return sealed


def drawn_states() -> dict[int, UserState]:
    """What users did: each with another history, the last one with none."""
    rng, states = np.random.default_rng(1), {}
    for user in range(USERS - 1):
        shown = rng.choice(POSTS, 10, replace=False)
        history = np.array(
            [(1000 + post, NOW - 60_000 * (10 - k), 1 + k % 3, 5) for k, post in enumerate(shown)], EVENT
        )
        states[FIRST + user] = UserState(history=history.tobytes())
    return states


def _write_ranker(folder: Path, x: np.ndarray, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    inputs = Inputs.fit([x])
    shape = Shape(USERS, POSTS, len(inputs.numbers), sum(inputs.sizes), len(HEADS))
    network = RankerNetwork(shape._replace(hidden=64, width=32))
    wide = drawn_wide(rng, USERS, POSTS, len(HEADS))
    config = RankerConfig(HEADS, NAMES, inputs, (1.0,) * 3, (0.0,) * 3, SIZES)
    weights = {name: weight.detach().numpy() for name, weight in network.state_dict().items()}
    save_ranker(folder, config, weights | wide.served)
