"""The posts of a synthetic world: what they are, what they show of it, and which of them are ads."""

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernels.actions import ACTIONS
from kernels.columns import CONTENT_DIM, DAY_MS, F32, I16, I32, I64
from training.data.schema import KINDS
from training.data.synth.parameters import BACKLOG_DAYS, LATENT_DIM, START_MS, Parameters
from training.data.synth.population import REGIONS, TOPICS, People, names, unit, user_ids, zipf

#: Public id of post row p is FIRST_POST + p.
FIRST_POST: Final = 500_001
AD_SHARE: Final = 0.03
AD: Final = KINDS.index("ad")
KIND_SHARES: Final = {"video": 0.62, "photo": 0.16, "carousel": 0.1, "text": 0.08, "live": 0.04}
#: Median seconds that a post of a kind takes to see; a video's are its duration.
SECONDS: Final = {"video": 22.0, "photo": 5.0, "carousel": 11.0, "text": 7.0, "live": 90.0, "ad": 15.0}
WITH_DURATION: Final = ("video", "live", "ad")
#: Actions to which posts invite in different degrees, beyond their relevance.
PULLS: Final = ("comment", "share", "save")


class Posts(NamedTuple):
    """P posts, oldest first. Latent columns are the truth; the others are what the data set shows."""

    content: F32  # [P, LATENT_DIM] unit length; latent
    quality: F32  # [P]; latent
    pull: F32  # [P, len(ACTIONS)] added to an action's log-odds; latent
    seconds: F32  # [P] time it takes to see the post
    author: I32  # [P] user rows
    created_ms: I64  # [P]
    kind: I16  # [P] index into KINDS
    topic: I16  # [P] index into TOPICS
    region: I16  # [P] index into REGIONS
    bid: F32  # [P] of ads; 0 for other posts


def make_posts(parameters: Parameters, people: People) -> Posts:
    rng = parameters.rng("posts")
    n = parameters.posts
    creators = np.flatnonzero(people.creator)
    weight = people.productivity[creators].astype(np.float64)
    author = creators[rng.choice(len(creators), n, p=weight / weight.sum())]
    ad = rng.random(n) < AD_SHARE
    ad[: max(1, n // 100)] = True
    author[ad] = rng.choice(creators[: max(2, len(creators) // 20)], int(ad.sum()))
    topic, content = _contents(rng, people, author)
    kind = _kinds(rng, n)
    kind[ad] = AD
    median = np.array([SECONDS[name] for name in KINDS])[kind]
    created = np.sort(START_MS - BACKLOG_DAYS * DAY_MS + rng.random(n) * (parameters.days + BACKLOG_DAYS) * DAY_MS)
    # Which rows are ads must not follow from their age.
    order = rng.permutation(n)
    posts = Posts(
        content=content,
        quality=(0.5 * people.charm[author] + 0.85 * rng.standard_normal(n)).astype(np.float32),
        pull=_pulls(rng, n),
        seconds=np.clip(median * rng.lognormal(0, 0.7, n), 2, 300).astype(np.float32),
        author=author.astype(np.int32),
        created_ms=created.astype(np.int64),
        kind=kind,
        topic=topic,
        region=people.region[author],
        bid=np.where(ad, rng.lognormal(-1, 0.5, n), 0).astype(np.float32),
    )
    return Posts._make(column[order] for column in posts)._replace(created_ms=posts.created_ms)


def posts_table(parameters: Parameters, posts: Posts) -> pa.Table:
    """The `posts` table: ids, times, and observable traces of the latent content."""
    rng = parameters.rng("posts", 1)
    n = len(posts.author)
    timed = np.isin(posts.kind, [KINDS.index(name) for name in WITH_DURATION])
    return pa.table(
        {
            "post_id": post_ids(np.arange(n)),
            "author_id": user_ids(posts.author),
            "created_ms": posts.created_ms,
            "kind": names(KINDS, posts.kind),
            "topic": names(TOPICS, posts.topic),
            "duration_ms": pa.array(_milliseconds(posts.seconds), mask=~timed),
            "caption_length": np.clip(rng.lognormal(3.8, 0.8, n), 0, 2_000).astype(np.int32),
            "hashtags": rng.poisson(2.5, n).astype(np.int32),
            "has_location": rng.random(n) < 0.3,
            "region": names(REGIONS, posts.region),
            "embedding": pa.FixedSizeListArray.from_arrays(_embeddings(rng, posts.content).ravel(), CONTENT_DIM),
        }
    )


def ads_table(parameters: Parameters, posts: Posts) -> pa.Table:
    """The `ads` table."""
    rows = np.flatnonzero(posts.kind == AD)
    cap = parameters.rng("posts", 2).integers(1, 4, len(rows))
    return pa.table({"post_id": post_ids(rows), "bid": posts.bid[rows], "daily_cap": cap.astype(np.int32)})


def post_ids(rows: I32 | I64) -> I64:
    """Public ids of post rows."""
    return rows.astype(np.int64) + FIRST_POST


def _contents(rng: np.random.Generator, people: People, author: I64) -> tuple[I16, F32]:
    """Topics and latent contents: most posts keep to the author's style, some try another topic."""
    stray = people.topics[rng.choice(len(TOPICS), len(author), p=zipf(len(TOPICS), 0.5))]
    centre = np.where((rng.random(len(author)) < 0.25)[:, None], stray, people.style[author])
    content = unit(centre + rng.normal(0, 0.12, (len(author), LATENT_DIM)))
    return np.argmax(content @ people.topics.T, axis=1).astype(np.int16), content


def _kinds(rng: np.random.Generator, n: int) -> I16:
    codes = [KINDS.index(name) for name in KIND_SHARES]
    return rng.choice(codes, n, p=list(KIND_SHARES.values())).astype(np.int16)


def _pulls(rng: np.random.Generator, n: int) -> F32:
    pull = np.zeros((n, len(ACTIONS)), np.float32)
    for action in PULLS:
        pull[:, ACTIONS.index(action)] = rng.normal(0, 0.7, n)
    return pull


def _embeddings(rng: np.random.Generator, content: F32) -> F32:
    """A linear view of the latent content with noise: what a content model would see of it."""
    view = np.linalg.qr(rng.standard_normal((CONTENT_DIM, LATENT_DIM)))[0]
    noise = rng.normal(0, 0.5 / np.sqrt(CONTENT_DIM), (len(content), CONTENT_DIM))
    return unit(content @ view.T + noise)


def _milliseconds(seconds: F32) -> NDArray[np.int64]:
    return np.round(seconds.astype(np.float64) * 1000).astype(np.int64)
