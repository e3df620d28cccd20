"""Reference requests: what training computes for a few users at the end of the data, kept in the release.

Whoever serves the release computes the same from it, from the users' packed states and from public ids, and compares:
features must be equal to the bit, predictions to those of the torch network but for the rounding of sums.
"""

from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from msgspec import Struct

from cluster.wire import Context, FeedRequest
from kernels.assembly import WIDTH, assemble
from kernels.columns import F32, I32, ContextColumns
from training.features.history import History
from training.features.log import Log
from training.features.states import user_states
from training.models.ranker import RankerConfig, to_predictions
from training.models.ranker_network import RankerNetwork, Shape
from training.models.wide import wide_codes, wide_columns
from training.train.wide import WidePart

FILE: Final = "reference.msgpack"
#: Users, posts of each, and how long after the end of the data they ask.
USERS: Final = 32
POSTS: Final = 32
LATER_MS: Final = 60_000
_CONTEXT: Final = ("device", "connection", "app_version", "region")


class Reference(Struct, frozen=True):
    """One request with C posts."""

    request: FeedRequest
    state: bytes  # the user's packed state
    post_ids: bytes  # int64[C]
    x: bytes  # float32[C, F]
    predictions: bytes  # float32[C, H]

    @property
    def posts(self) -> np.ndarray:
        return np.frombuffer(self.post_ids, np.int64)

    @property
    def features(self) -> F32:
        return np.frombuffer(self.x, np.float32).reshape(-1, WIDTH)

    @property
    def trained(self) -> F32:
        """What the trained network predicts."""
        return np.frombuffer(self.predictions, np.float32).reshape(len(self.posts), -1)


def read_references(folder: Path) -> list[Reference]:
    """Those of the release in `folder`."""
    return msgspec.msgpack.decode((folder / FILE).read_bytes(), type=list[Reference])


def write_references(folder: Path, log: Log, history: History, end_ms: int, ranker: Path, shape: Shape) -> None:
    """Compute them from `history`, which stands at `end_ms`, with the weights and config in the folder `ranker`."""
    rng = np.random.default_rng(0)
    wanted = rng.choice(len(log.users.ids), min(USERS, len(log.users.ids)), replace=False)
    network, wide, config = _trained(ranker, shape)
    references = []
    wanted = np.sort(wanted)
    states = user_states(log, history, end_ms, wanted)
    for user, (_, state) in zip(wanted.tolist(), states, strict=True):
        posts = rng.choice(len(log.posts.ids), min(POSTS, len(log.posts.ids)), replace=False).astype(np.int32)
        context, columns = _context(log, user, end_ms + LATER_MS)
        x = np.empty((len(posts), WIDTH), np.float32)
        assemble(history.users, columns, history.posts, np.array([0, len(posts)]), posts, x)
        references.append(
            Reference(
                request=FeedRequest(user_id=int(log.users.ids[user]), context=context, deadline_ms=10_000),
                state=state,
                post_ids=log.posts.ids[posts].tobytes(),
                x=x.tobytes(),
                predictions=_predicted(network, wide, config, user, posts, x).tobytes(),
            )
        )
    (folder / FILE).write_bytes(msgspec.msgpack.encode(references))


def _context(log: Log, user: int, now_ms: int) -> tuple[Context, ContextColumns]:
    """Where a user was last, in words and in codes."""
    seen = log.by_user[log.starts[user] : log.starts[user + 1]]
    codes = {name: int(log.impressions.context[name][seen[-1]]) if len(seen) else 0 for name in _CONTEXT}
    words = {name: getattr(log.vocabularies, name).values[code - 1] for name, code in codes.items() if code}
    surface = log.vocabularies.surface.codes().get("home", 0)
    columns = ContextColumns(
        user=np.array([user], np.int32),
        time_ms=np.array([now_ms]),
        known_ms=np.array([now_ms]),
        utc_offset_ms=np.array([log.utc_offset_ms]),
        surface=np.array([surface], np.int16),
        **{name: np.array([code], np.int16) for name, code in codes.items()},
    )
    return Context(time_ms=now_ms, **words), columns


def _trained(folder: Path, shape: Shape) -> tuple[RankerNetwork, WidePart, RankerConfig]:
    """Network and wide part as they were trained; the bias of positions is neutral, and left out."""
    config = msgspec.json.decode((folder / "config.json").read_bytes(), type=RankerConfig)
    names = msgspec.json.decode((folder / "weights.json").read_bytes(), type=list[str])
    weights = {name: np.load(folder / f"{name}.npy") for name in names}
    user, post, codes = (weights.pop(f"wide.{name}")[None] for name in ("user", "post", "codes"))
    wide = WidePart(user, post, codes, config.wide)
    network = RankerNetwork(shape)
    network.load_state_dict({name: torch.from_numpy(weight) for name, weight in weights.items()}, strict=False)
    return network.eval(), wide, config


def _predicted(network: RankerNetwork, wide: WidePart, config: RankerConfig, user: int, posts: I32, x: F32) -> F32:
    numbers, codes = config.inputs.apply(x)
    rows = torch.from_numpy(posts.astype(np.int64) + 1)
    users, neutral = torch.full_like(rows, user + 1), torch.zeros_like(rows)
    with torch.no_grad():
        logits: Any = network(users, rows, torch.from_numpy(numbers), torch.from_numpy(codes), neutral)
        logits += wide(neutral, users, rows, torch.from_numpy(wide_codes(wide_columns(x), config.wide)))
    scale, shift = np.array(config.scale, np.float32), np.array(config.shift, np.float32)
    return to_predictions(logits.numpy() * scale + shift, config.heads)
