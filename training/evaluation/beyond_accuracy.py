"""What feeds are beside accurate: how much of the catalogue, how varied, how little known, and whose posts they show.

`feeds` i64[U, K] holds the post rows of U feeds, best first; NONE fills up those that are shorter.
"""

from typing import Any, Final

import numpy as np
import scipy.sparse as sp

from kernels.columns import F32
from training.evaluation.ranked import F64, I64, Array

#: No post.
NONE: Final = -1


def coverage(feeds: I64, catalogue: Array) -> float:
    """Share of the `catalogue` bool[P] that some feed shows; NaN for an empty catalogue.

    Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy: evaluating recommender systems by coverage and
    serendipity", RecSys 2010.
    """
    shown = _exposures(feeds, np.arange(len(catalogue)), len(catalogue)) > 0
    return float(np.sum(shown & catalogue) / np.sum(catalogue)) if np.any(catalogue) else float("nan")


def intra_list_distance(feeds: I64, vectors: F32) -> F64:
    """Mean cosine distance of two posts of a feed, f64[U], by `vectors` [P, E] of unit length or 0 (unknown).

    Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005. NaN for a feed with
    fewer than two posts whose vectors are known.
    """
    with_vector = np.square(vectors).sum(axis=1) > 0
    known = (feeds != NONE) & with_vector[feeds]
    shown = np.where(known[..., None], vectors[feeds], 0).astype(np.float64)
    count = known.sum(axis=1)
    # The square of a sum holds every pair twice, and each vector with itself.
    alike = np.square(shown.sum(axis=1)).sum(axis=1) - np.square(shown).sum(axis=(1, 2))
    return _over(count * (count - 1) - alike, count * (count - 1))


def intra_list_variety(feeds: I64, classes: Array) -> F64:
    """Share of the pairs of a feed whose posts are of different `classes` i[P] (author, kind, ...), f64[U].

    The Gini-Simpson index (Simpson, "Measurement of diversity", Nature 1949). NaN for a feed with fewer than two posts.
    """
    user, place = np.nonzero(feeds != NONE)
    codes = np.unique(classes[feeds[user, place]], return_inverse=True)[1]
    shape = (len(feeds), int(codes.max(initial=0)) + 1)
    counts: Any = sp.coo_matrix((np.ones(len(user)), (user, codes)), shape).tocsr()
    count = np.asarray(counts.sum(axis=1)).ravel()
    same = np.asarray(counts.multiply(counts).sum(axis=1)).ravel() - count
    return _over(count * (count - 1) - same, count * (count - 1))


def novelty(feeds: I64, impressions: Array) -> F64:
    """Mean self-information of the posts of a feed, bits, f64[U]: -log2 of a post's share of all `impressions` [P].

    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010. One impression
    more is counted for every post, since those that nobody saw would be infinitely new. NaN for an empty feed.
    """
    seen = np.asarray(impressions, np.float64) + 1
    information = -np.log2(seen / seen.sum())
    return _over(np.where(feeds != NONE, information[feeds], 0).sum(axis=1), (feeds != NONE).sum(axis=1))


def exposure_gini(feeds: I64, author: Array, authors: Array) -> float:
    """Gini coefficient of how often each of the `authors` bool[A] is shown: 0 = all alike, near 1 = few have all.

    `author` i[P] are the posts' authors. Gini, "Variabilità e mutabilità", 1912; of exposure, as in Fleder and
    Hosanagar, "Blockbuster culture's next rise or fall", Management Science 2009. NaN when nobody is shown.
    """
    shown = np.sort(_exposures(feeds, author, len(authors))[authors])
    total, n = shown.sum(), len(shown)
    return float((2 * np.arange(1, n + 1) - n - 1) @ shown / (n * total)) if total else float("nan")


def _exposures(feeds: I64, of: Array, count: int) -> F64:
    """How often the feeds show each of `count` things, of which post p is `of[p]`."""
    exposures: F64 = np.bincount(of[feeds[feeds != NONE]], minlength=count).astype(np.float64)
    return exposures


def _over(total: Array, count: Array) -> F64:
    """`total / count`, NaN where there is nothing."""
    share: F64 = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return share
