"""Near-duplicates: posts that look the same and are of the same kind and length."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kernels.columns import F32, I16
from kernels.jit import kernel, part
from kernels.topk import top_k

#: Seconds by which encoding a video again may change its length.
SAME_S: Final = np.float32(0.1)


@kernel
def first_of_their_kind(content: F32, kind: I16, duration_s: F32, cosine: float) -> NDArray[np.bool_]:
    """Mask [C] of the candidates that are no near-duplicate of an earlier one that is kept.

    Embeddings alone do not tell: those of hashed tags are equal for all posts with the same tags. So two posts are one
    only if kind and length agree too; posts without a length are compared by embedding and kind.

    Args:
        content: float32[C, E] of unit length, best candidate first; zero vectors are like nothing.
        kind: int16[C]
        duration_s: float32[C]
        cosine: of embeddings, above which they look the same.
    """
    keep = np.ones(len(content), np.bool_)
    by_length = top_k(duration_s, len(duration_s))
    place = np.empty(len(keep), np.int64)
    for at in range(len(keep)):
        place[by_length[at]] = at
    for i in range(len(keep)):
        for step in (-1, 1):  # those that are a little longer, then those that are a little shorter
            at = place[i] + step
            while keep[i] and 0 <= at < len(keep) and abs(duration_s[i] - duration_s[by_length[at]]) <= SAME_S:
                j = by_length[at]
                if j < i and keep[j] and kind[i] == kind[j]:
                    keep[i] = not _alike(content[i], content[j], cosine)
                at += step
    return keep


@part
def _alike(a: F32, b: F32, cosine: float) -> bool:
    similarity = np.float32(0.0)
    for e in range(len(a)):
        similarity += a[e] * b[e]
    return bool(similarity > cosine)


def first_of_their_kind_numpy(content: F32, kind: I16, duration_s: F32, cosine: float) -> NDArray[np.bool_]:
    """The NumPy twin of `first_of_their_kind`; its sums may differ in the last bit."""
    alike = content @ content.T > cosine
    alike &= (kind[:, None] == kind) & (np.abs(duration_s[:, None] - duration_s) <= SAME_S)
    keep = np.ones(len(content), np.bool_)
    for i in range(len(content)):
        keep[i] = not (alike[i, :i] & keep[:i]).any()
    return keep
