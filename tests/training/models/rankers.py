"""Small rankers with drawn weights, and what torch makes of them."""

from pathlib import Path

import msgspec
import numpy as np
import torch

from kernels.features import NAMES
from tests.training.models.tiny import POSTS, SIZES, USERS, drawn_wide, features
from training.models.inputs import Inputs
from training.models.ranker import RankerConfig, RankRequest, save_ranker, to_predictions
from training.models.ranker_network import RankerNetwork, Shape
from training.models.trunks import TrunkName
from training.models.wide import wide_codes, wide_columns
from training.train.wide import ALL

RNG = np.random.default_rng(3)
INPUTS = Inputs.fit([features(RNG, 200)])
HEADS = ("like", "long_view", "watch_time")
CONFIG = RankerConfig(HEADS, NAMES, INPUTS, (1.0, 0.5, 1.0), (0.0, -0.2, 0.3), SIZES)
WIDE = drawn_wide(RNG, USERS, POSTS, len(HEADS))
TRUNKS: tuple[TrunkName, ...] = ("shared", "mmoe", "ple")


def network_of(trunk: TrunkName = "shared") -> RankerNetwork:
    torch.manual_seed(0)
    shape = Shape(USERS, POSTS, len(INPUTS.numbers), sum(INPUTS.sizes), len(HEADS))
    network = RankerNetwork(shape._replace(hidden=64, trunk=trunk, width=32, experts=3))
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)  # no part stays zero, so that each is compared
        network.position.weight[0] = 0
    return network.eval()


def saved(network: RankerNetwork, folder: Path) -> Path:
    config = msgspec.structs.replace(CONFIG, trunk=network.shape.trunk)
    save_ranker(folder, config, {name: weight.numpy() for name, weight in network.state_dict().items()} | WIDE.served)
    return folder


def by_torch(network: RankerNetwork, user: int, posts: np.ndarray, x: np.ndarray) -> np.ndarray:
    numbers, codes = INPUTS.apply(x)
    users = torch.full((len(posts),), user + 1)
    with torch.inference_mode():
        parts = (torch.from_numpy(posts + 1), torch.from_numpy(numbers), torch.from_numpy(codes))
        codes = torch.from_numpy(wide_codes(wide_columns(x), SIZES))
        wide = WIDE(torch.full_like(users, ALL), users, parts[0], codes)
        logits = (network(users, *parts, torch.zeros_like(users)) + wide).numpy()
    return to_predictions(logits * np.array(CONFIG.scale, np.float32) + np.array(CONFIG.shift, np.float32), HEADS)


def requests_of(rng: np.random.Generator, *candidates: int) -> list[RankRequest]:
    """Requests of so many candidates each; users, and some of the posts, are unknown."""
    requests = []
    for count in candidates:
        x, user = features(rng, count), int(rng.integers(-1, USERS))
        for name in ("user_impressions_7d", "surface", "hour_of_day"):
            x[:, NAMES.index(name)] = rng.integers(0, 3)
        x[:, NAMES.index("post_duration_s")] = rng.uniform(0, 400, count)
        requests.append(RankRequest(user, rng.integers(-1, POSTS + 2, count), x))
    return requests
