"""Content encoders: from a post's caption and tags to its content embedding, for posts that bring none.

The default has no weights: each token has a fixed vector of +1 and -1, whose signs are bits of the token's BLAKE2
hash; a post's embedding is the weighted sum of its tokens' vectors, scaled to unit length. Dot products of
embeddings then approximate the cosine similarity of the token sets (Achlioptas, "Database-friendly random
projections", 2003). It needs no training and no vocabulary, is the same on every machine and for ever, and encodes a
post published a second ago.
"""

import hashlib
import importlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np

from cluster.errors import CascadeError
from kernels.columns import CONTENT_DIM, F32

#: Weight of a token by what it is. Powers of two, so that float32 sums of them are exact in any order.
TAG: Final = 1.0
WORD: Final = 0.5
TRIGRAM: Final = 0.25
_WORD: Final = re.compile(r"\w+")


@runtime_checkable
class ContentEncoder(Protocol):
    """What `catalogue.encoder` names. It is made without arguments, and called from a thread of its own."""

    def encode(self, texts: Sequence[str], tags: Sequence[Sequence[str]]) -> F32:
        """Embeddings float32[n, CONTENT_DIM] of n captions and their tags: unit length, or zeros for nothing."""
        ...


class HashedEncoder:
    """Tags, words and character trigrams of words, hashed. Trigrams serve languages that put no space between words."""

    def encode(self, texts: Sequence[str], tags: Sequence[Sequence[str]]) -> F32:
        return encode_tokens([_tokens(*post) for post in zip(texts, tags, strict=True)])


def load_encoder(name: str) -> ContentEncoder:
    """The encoder that `name`, "module:Class", stands for. Raises CascadeError when there is none."""
    module, _, attribute = name.partition(":")
    try:
        encoder = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise CascadeError(f"catalogue.encoder has value {name!r}: {error}", "name it as module:Class") from None
    if not isinstance(encoder, ContentEncoder):
        raise CascadeError(f"catalogue.encoder has value {name!r}: it has no method `encode`", "see ContentEncoder")
    return encoder


def encode_tokens(posts: Sequence[Mapping[str, float]]) -> F32:
    """Embeddings float32[len(posts), CONTENT_DIM] of posts given as token -> weight.

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
    """The +1/-1 vector float32[CONTENT_DIM] of a token."""
    digest = hashlib.blake2b(token.encode(), digest_size=CONTENT_DIM // 8).digest()
    return np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.float32) * 2 - 1


def _tokens(text: str, tags: Sequence[str]) -> dict[str, float]:
    """`field:value` -> weight; each distinct token once, as in data sets that are imported."""
    words = set(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
    trigrams = {word[i : i + 3] for word in words for i in range(len(word) - 2)}
    return {
        **{f"tag:{tag}": TAG for tag in tags},
        **{f"word:{word}": WORD for word in words},
        **{f"trigram:{trigram}": TRIGRAM for trigram in trigrams},
    }
