"""A declared content encoder for data sets that bring no embeddings: hashed random projections of text tokens.

Each token has a fixed vector of +1 and -1, whose signs are bits of the token's BLAKE2 hash; a post's embedding is
the weighted sum of its tokens' vectors, scaled to unit length. Dot products of embeddings then approximate the
cosine similarity of the token sets (Achlioptas, "Database-friendly random projections", 2003). It needs no training
and no vocabulary, is the same on every machine and for ever, and encodes a post published a second ago.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from kernels.columns import CONTENT_DIM, F32


def encode(posts: Sequence[Mapping[str, float]]) -> F32:
    """Embeddings float32 [len(posts), CONTENT_DIM] of posts given as token -> weight.

    Rows have unit length; a post without tokens gets zeros.
    """
    vectors: dict[str, F32] = {}
    out = np.zeros((len(posts), CONTENT_DIM), np.float32)
    for row, tokens in enumerate(posts):
        for token, weight in tokens.items():
            if token not in vectors:
                vectors[token] = token_vector(token)
            out[row] += np.float32(weight) * vectors[token]
    length = np.sqrt(np.einsum("pe,pe->p", out, out))[:, None]
    np.divide(out, length, out=out, where=length > 0)
    return out


def token_vector(token: str) -> F32:
    """The +1/-1 vector float32 [CONTENT_DIM] of a token."""
    digest = hashlib.blake2b(token.encode(), digest_size=CONTENT_DIM // 8).digest()
    return np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.float32) * 2 - 1
