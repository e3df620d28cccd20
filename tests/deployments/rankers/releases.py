"""A sealed release with no more in it than a ranker, and what it is checked with."""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.release import Release, Releases
from cluster.wire import FeedRequest
from kernels.features import NAMES
from tests.deployments.queries import post_table
from tests.training.models.rankers import HEADS, by_torch, network_of, requests_of, saved
from tests.training.models.tiny import POSTS, USERS, features
from training.models.trunks import TrunkName
from training.release.held_out import FILE as HELD_OUT
from training.release.reference import FILE, Reference


def _held_out(users: np.ndarray, posts: np.ndarray) -> pa.Table:
    rng, rows = np.random.default_rng(5), 300
    x = features(rng, rows)
    return pa.table(
        {
            "user_id": np.sort(rng.choice(users, rows)),
            "post_id": rng.choice(posts, rows),
            "x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), len(NAMES)),
            "actions": np.zeros(rows, np.uint16),
            "known": np.zeros(rows, np.uint16),
        }
    )


def ranker_release(home: Path, trunk: TrunkName = "shared") -> Release:
    network, releases = network_of(trunk), Releases(home)
    posts, users = post_table(POSTS), np.arange(USERS) + 500
    with releases.building() as part:
        saved(network, part / "ranker")
        posts.save(part / "posts")
        np.save(part / "user_ids.npy", users)
        references = []
        for user, _, x in requests_of(np.random.default_rng(1), *[POSTS] * 4):
            predictions = by_torch(network, user, np.arange(POSTS), x).astype(np.float32)
            request = FeedRequest(user_id=int(users[user]) if user >= 0 else 1)
            arrays = (posts.post_ids.astype(np.int64), x, predictions)
            references.append(Reference(request, b"", *(array.tobytes() for array in arrays)))
        (part / FILE).write_bytes(msgspec.msgpack.encode(references))
        pq.write_table(_held_out(users, posts.post_ids), part / HELD_OUT)
        return releases.seal(
            part,
            dataset="drawn",
            dataset_fingerprint="",
            data_end_ms=0,
            utc_offset_ms=0,
            features=NAMES,
            heads=HEADS,
            recipe="",
            recipe_fingerprint="",
            content_encoder="",
            coverage={},
            metrics={},
            held_out={},
            versions={},
        )
