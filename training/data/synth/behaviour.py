"""The ground truth: how relevant a post is to a person, and what the person then does.

For user u, post p, on the day of time t, with taste a_u(t), content c_p and quality q_p:

    relevance    z = 4.5 a_u(t).c_p + 0.6 q_p + kind taste + 0.3 [same region] + 0.5 [follows the author] - 1.2 [ad] - 2
    action h     P(h | examined) = sigmoid(bias_h + slope_h z + generosity_h g_u + pull_hp)      (independent given z)
    watch time   ln W ~ Normal(ln L + 0.5 ln(s / L) - 0.4 + 0.9 z, 1), at most min(3 s, 300) seconds
    long view    W >= L, where s = seconds the post takes and L = min(s, 18)
    examination  P(examined at position k) = (1 + k)^-0.4; what is not examined gets no action and no watch time

This is the position-based click model (Craswell et al., "An experimental comparison of click position-bias models",
WSDM 2008) with log-normal dwell times (Yin et al., "Silence is also evidence: interpreting dwell time", KDD 2013).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from kernels.actions import ACTIONS
from kernels.columns import I32, I64
from training.data.synth.population import People, taste_at
from training.data.synth.posts import AD, Posts

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

EXAMINATION_DECAY: Final = 0.4
LONG_VIEW_S: Final = 18.0
WATCH_SPREAD: Final = 1.0
LONGEST_WATCH_S: Final = 300.0


class Logit(NamedTuple):
    """Log-odds of an action, given examination."""

    bias: float
    slope: float
    generosity: float = 0.0
    charm: float = 0.0


#: Every action but long_view, which follows from the watch time.
LOGITS: Final = {
    "like": Logit(-2.6, 1.1, 1.0),
    "comment": Logit(-5.0, 0.7, 1.2),
    "share": Logit(-5.2, 0.8, 0.8),
    "save": Logit(-4.8, 0.9, 0.8),
    "follow": Logit(-5.6, 0.9, 0.6, 0.6),
    "click": Logit(-0.6, 0.8, 0.3),
    "profile_visit": Logit(-4.4, 0.7, 0.5, 0.5),
    "hide": Logit(-5.4, -0.9),
    "report": Logit(-7.2, -0.7),
}
LONG_VIEW: Final = ACTIONS.index("long_view")
FOLLOW: Final = ACTIONS.index("follow")


class Situation(NamedTuple):
    """N pairs of a person and a post, at one time each."""

    user: I32  # [N] rows
    post: I32  # [N] rows
    time_ms: I64  # [N]
    following: Bools  # [N] whether the user follows the author then


class Outlook(NamedTuple):
    """What N people would do with a post that they examine."""

    probability: F64  # [N, len(ACTIONS)]
    log_watch: F64  # [N] mean of ln(watch seconds) before the cap
    seconds: F64  # [N] that the post takes
    long_view_s: F64  # [N] watch seconds from which on it is a long view


class Answer(NamedTuple):
    """What N people did with what they were shown."""

    examined: Bools  # [N]
    actions: Bools  # [N, len(ACTIONS)]
    watch_ms: I64  # [N]


def examination(position: NDArray[np.integer]) -> F64:
    """Probability that a person looks at position k = 0, 1, ..."""
    chance: F64 = np.power(1.0 + position.astype(np.float64), -EXAMINATION_DECAY)
    return chance


def relevance(people: People, posts: Posts, at: Situation, drift: float) -> F64:
    """How well the post suits the person: float64 [N]."""
    user, post = at.user, at.post
    match = np.einsum("nl,nl->n", taste_at(people, user, at.time_ms, drift), posts.content[post]).astype(np.float64)
    z = (
        4.5 * match
        + 0.6 * posts.quality[post]
        + people.kind_taste[user, posts.kind[post]]
        + 0.3 * (people.region[user] == posts.region[post])
        + 0.5 * at.following
        - 1.2 * (posts.kind[post] == AD)
        - 2.0
    )
    relevance: F64 = z.astype(np.float64)
    return relevance


def outlook(people: People, posts: Posts, at: Situation, drift: float) -> Outlook:
    """Probabilities and watch-time distribution, given examination."""
    z = relevance(people, posts, at, drift)
    seconds = np.asarray(np.round(posts.seconds[at.post].astype(np.float64), 3), np.float64)
    long_view_s = np.minimum(seconds, LONG_VIEW_S)
    log_watch = np.log(long_view_s) + 0.5 * np.log(seconds / long_view_s) - 0.4 + 0.9 * z
    probability = np.empty((len(z), len(ACTIONS)))
    generosity, charm = people.generosity[at.user], people.charm[posts.author[at.post]]
    for action, logit in LOGITS.items():
        i = ACTIONS.index(action)
        own = logit.generosity * generosity + logit.charm * charm + posts.pull[at.post, i]
        probability[:, i] = expit(logit.bias + logit.slope * z + own)
    probability[:, LONG_VIEW] = ndtr((log_watch - np.log(long_view_s)) / WATCH_SPREAD)
    probability[at.following, FOLLOW] = 0.0
    return Outlook(probability, log_watch, seconds, long_view_s)


def expected_watch_s(look: Outlook) -> F64:
    """Mean of the capped log-normal watch time, given examination: seconds [N]."""
    cap = _cap(look)
    above = (np.log(cap) - look.log_watch) / WATCH_SPREAD
    mean: F64 = np.exp(look.log_watch + WATCH_SPREAD**2 / 2) * ndtr(above - WATCH_SPREAD) + cap * ndtr(-above)
    return mean


def answer(look: Outlook, position: NDArray[np.integer], rng: np.random.Generator) -> Answer:
    """Draw what N people do with posts shown at N positions."""
    examined = rng.random(len(position)) < examination(position)
    actions = (rng.random(look.probability.shape) < look.probability) & examined[:, None]
    watch_s = np.exp(look.log_watch + WATCH_SPREAD * rng.standard_normal(len(position)))
    watch_s = np.where(examined, np.minimum(watch_s, _cap(look)), 0.0)
    watch_ms = np.floor(watch_s * 1000).astype(np.int64)
    actions[:, LONG_VIEW] = examined & (watch_ms >= np.round(look.long_view_s * 1000))
    return Answer(examined, actions, watch_ms)


def _cap(look: Outlook) -> F64:
    return np.minimum(3 * look.seconds, LONGEST_WATCH_S)
