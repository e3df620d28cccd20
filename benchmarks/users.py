"""Requests of real people: user ids of a data set, drawn uniformly, made into requests for a feed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.http_client import Address
from cluster.errors import CascadeError

FEED: Final = "/v1/feed"


def read_user_ids(path: Path) -> NDArray[np.int64]:
    """Ids of `path`: a Parquet file with a column `user_id`, or the folder of a data set, which has users.parquet."""
    file = path / "users.parquet" if path.is_dir() else path
    try:
        column = pq.read_table(file, columns=["user_id"]).column("user_id")
    except (OSError, KeyError, pa.ArrowException) as error:
        raise CascadeError(
            f"no user ids in {file}: {error}", "give --users a Parquet file with a column user_id"
        ) from error
    if not len(column):
        raise CascadeError(f"{file} has no users", "give --users a Parquet file with a column user_id")
    return np.asarray(column, np.int64)


class FeedRequests:
    """Draws feed requests of `users`, each for `limit` posts of the home feed, with the server's own deadline."""

    def __init__(self, address: Address, users: NDArray[np.int64], limit: int = 50) -> None:
        self.limit = limit
        self.address = address
        self.users = users

    def bodies(self, n: int, rng: np.random.Generator) -> list[bytes]:
        """JSON bodies of n requests."""
        users = rng.choice(self.users, n).tolist()
        return [msgspec.json.encode({"user_id": user, "surface": "home", "limit": self.limit}) for user in users]

    def draw(self, n: int, rng: np.random.Generator) -> Sequence[bytes]:
        """n requests, ready to be sent."""
        return [self.address.post(FEED, body) for body in self.bodies(n, rng)]
