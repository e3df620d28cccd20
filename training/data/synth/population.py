"""The people of a synthetic world: tastes, habits, homes; some of them are creators."""

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernels.columns import DAY_MS, F32, I16, I32, I64
from training.data.schema import KINDS
from training.data.synth.parameters import BACKLOG_DAYS, LATENT_DIM, START_MS, Parameters

TOPICS: Final = (
    "music",
    "comedy",
    "football",
    "cooking",
    "travel",
    "gaming",
    "dance",
    "beauty",
    "fashion",
    "fitness",
    "pets",
    "cars",
    "science",
    "history",
    "art",
    "nature",
    "diy",
    "books",
    "film",
    "news",
    "money",
    "parenting",
    "technology",
    "magic",
)
REGIONS: Final = ("north", "coast", "capital", "valley", "lakes", "islands", "highlands", "plains")
DEVICES: Final = ("android", "ios", "tablet", "web")
#: Public id of user row u is FIRST_USER + u, so that ids and rows are never the same number.
FIRST_USER: Final = 1_001
CREATOR_SHARE: Final = 0.1


class People(NamedTuple):
    """U users. A creator is a user; their columns are zero for all others."""

    taste: F32  # [U, LATENT_DIM] unit length, at START_MS
    turn: F32  # [U, LATENT_DIM] unit length, at a right angle to taste: where it drifts to
    kind_taste: F32  # [U, len(KINDS)] added to the relevance of posts of a kind
    generosity: F32  # [U] added to the log-odds of every positive action
    region: I16  # [U] index into REGIONS
    created_ms: I64  # [U]
    sessions_per_day: F32  # [U]
    slots: F32  # [U] median length of a session
    chronotype: F32  # [U] hours by which the person's day lags behind the average
    device: I16  # [U] index into DEVICES
    update_lag_days: I16  # [U] days until the person installs a new version of the app
    creator: NDArray[np.bool_]  # [U]
    style: F32  # [U, LATENT_DIM] what a creator makes; unit length
    charm: F32  # [U] talent of a creator
    audience: F32  # [U] weight with which people come to follow a creator; heavy-tailed
    productivity: F32  # [U] weight of a creator among the authors of posts; heavy-tailed
    topics: F32  # [len(TOPICS), LATENT_DIM] centre of each topic; unit length


def make_people(parameters: Parameters) -> People:
    rng = parameters.rng("population")
    n = parameters.users
    topics = unit(rng.standard_normal((len(TOPICS), LATENT_DIM)))
    interest = zipf(len(TOPICS), 0.5)
    taste = _tastes(rng, n, topics, interest)
    direction = rng.standard_normal((n, LATENT_DIM))
    turn = unit(direction - np.sum(direction * taste, axis=1, keepdims=True) * taste)
    creator = np.zeros(n, bool)
    creator[rng.choice(n, max(10, int(n * CREATOR_SHARE)), replace=False)] = True
    charm = rng.standard_normal(n)
    return People(
        taste=taste,
        turn=turn,
        kind_taste=rng.normal(0, 0.35, (n, len(KINDS))).astype(np.float32),
        generosity=rng.normal(0, 0.6, n).astype(np.float32),
        region=rng.choice(len(REGIONS), n, p=zipf(len(REGIONS), 0.8)).astype(np.int16),
        created_ms=_created(rng, n, creator, parameters),
        sessions_per_day=np.clip(rng.lognormal(-0.35, 0.9, n), 0.05, 5).astype(np.float32),
        slots=np.clip(rng.lognormal(np.log(10), 0.4, n), 3, 30).astype(np.float32),
        chronotype=rng.normal(0, 1.5, n).astype(np.float32),
        device=rng.choice(len(DEVICES), n, p=(0.58, 0.3, 0.05, 0.07)).astype(np.int16),
        update_lag_days=rng.geometric(0.25, n).astype(np.int16),
        creator=creator,
        style=unit(topics[rng.choice(len(TOPICS), n, p=interest)] + rng.normal(0, 0.12, (n, LATENT_DIM))),
        charm=np.where(creator, charm, 0).astype(np.float32),
        audience=np.where(creator, np.exp(0.7 * charm + 1.2 * rng.standard_normal(n)), 0).astype(np.float32),
        productivity=np.where(creator, 1 + rng.pareto(1.5, n), 0).astype(np.float32),
        topics=topics,
    )


def taste_at(people: People, user: I32, time_ms: I64, drift: float) -> F32:
    """Tastes float32 [N, LATENT_DIM] of N user rows on the days of N times: a turn by `drift` radians per day."""
    if drift == 0:
        return people.taste[user]
    angle = drift * ((time_ms - START_MS) // DAY_MS)[:, None]
    turned: F32 = (np.cos(angle) * people.taste[user] + np.sin(angle) * people.turn[user]).astype(np.float32)
    return turned


def users_table(people: People, followers: I64, following: I64) -> pa.Table:
    """The `users` table; `followers` and `following` [U] are those of the day on which the log begins."""
    return pa.table(
        {
            "user_id": user_ids(np.arange(len(people.taste))),
            "created_ms": people.created_ms,
            "followers": followers,
            "following": following,
            "region": names(REGIONS, people.region),
        }
    )


def user_ids(rows: I32 | I64) -> I64:
    """Public ids of user rows."""
    return rows.astype(np.int64) + FIRST_USER


def names(values: tuple[str, ...], codes: I16) -> pa.Array:
    """Codes as a text column."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(values)).cast(pa.string())


def unit(vectors: NDArray[np.floating]) -> F32:
    """Vectors scaled to unit length, as float32."""
    scaled: F32 = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def zipf(n: int, exponent: float) -> NDArray[np.float64]:
    """Probabilities of n values that fall as rank^-exponent."""
    weights = np.arange(1, n + 1, dtype=np.float64) ** -exponent
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def _tastes(rng: np.random.Generator, n: int, topics: F32, interest: NDArray[np.float64]) -> F32:
    """Each taste is a mix of three topics, some liked more than others."""
    chosen = rng.choice(len(topics), (n, 3), p=interest)
    weight = rng.dirichlet((1.0, 1.0, 1.0), n)
    return unit(np.einsum("uk,uke->ue", weight, topics[chosen]) + rng.normal(0, 0.08, (n, LATENT_DIM)))


def _created(rng: np.random.Generator, n: int, creator: NDArray[np.bool_], parameters: Parameters) -> I64:
    """Most accounts are older than the log; one in ten is made while it runs; creators came before their posts."""
    age = rng.exponential(400 * DAY_MS, n)
    old = START_MS - DAY_MS * (BACKLOG_DAYS + 1) - age
    new = START_MS + rng.random(n) * (parameters.end_ms - START_MS)
    return np.where((rng.random(n) < 0.1) & ~creator, new, old).astype(np.int64)
