"""The content encoder: fixed vectors, unit length, and dot products that follow shared tokens."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.content_encoder import HashedEncoder, encode_tokens, load_encoder, token_vector
from cluster.errors import CascadeError
from kernels.columns import CONTENT_DIM

TOKENS = st.dictionaries(st.text(max_size=8), st.floats(0.25, 1.0, width=32), max_size=6)


def test_a_token_has_the_signs_of_its_hash_for_ever() -> None:
    bits = int.from_bytes(hashlib.blake2b(b"tag:39", digest_size=4).digest(), "big")
    expected = [1.0 if bits >> (CONTENT_DIM - 1 - i) & 1 else -1.0 for i in range(CONTENT_DIM)]
    assert token_vector("tag:39").tolist() == expected
    assert token_vector("tag:39").tolist() == token_vector("tag:39").tolist() != token_vector("tag:40").tolist()


@given(st.lists(TOKENS, max_size=5))
def test_rows_have_unit_length_or_are_zero(posts: list[dict[str, float]]) -> None:
    vectors = encode_tokens(posts)
    assert vectors.shape == (len(posts), CONTENT_DIM)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))
    assert all(length == 0 for post, length in zip(posts, lengths, strict=True) if not post)


def test_a_row_depends_on_its_own_tokens_only() -> None:
    alone = encode_tokens([{"tag:1": 1.0, "tag:2": 0.5}])
    among = encode_tokens([{"tag:9": 1.0}, {"tag:1": 1.0, "tag:2": 0.5}, {}])
    assert np.array_equal(alone[0], among[1])


def test_shared_tokens_bring_posts_together() -> None:
    rng = np.random.default_rng(0)
    same, other = [], []
    for _ in range(200):
        a, b, c, d = (f"tag:{i}" for i in rng.choice(10_000, 4, replace=False))
        x, y, z = encode_tokens([{a: 1.0, b: 1.0}, {a: 1.0, c: 1.0}, {c: 1.0, d: 1.0}])
        same.append(x @ y)
        other.append(x @ z)
    assert abs(np.mean(same) - 0.5) < 0.05  # the cosine of token sets that share one of two
    assert abs(np.mean(other)) < 0.05


def test_captions_and_tags_become_the_same_vector_on_every_machine() -> None:
    [vector] = HashedEncoder().encode(["Sunset at the sea"], [["travel"]])
    digest = hashlib.blake2b(np.round(vector, 6).tobytes()).hexdigest()
    assert digest[:16] == "0615243452b43c72"
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_what_shares_words_tags_or_parts_of_words_is_close() -> None:
    texts = [
        "Sunset at the sea",
        "SUNSETS AT THE SEA!",
        "Engine repair, step by step",
        "今天晚上在海边看到了很美的晚霞",
        "在海边看到了很美的晚霞",
        "",
    ]
    vectors = HashedEncoder().encode(texts, [["travel"], [], [], [], [], ["travel"]])
    close = vectors @ vectors.T
    assert close[0, 1] > 0.25 > abs(close[0, 2])
    assert close[3, 4] > 0.2
    assert close[0, 5] > 0.2
    assert not HashedEncoder().encode(["", "?!"], [[], []]).any()


def test_an_encoder_is_named_by_module_and_class() -> None:
    assert isinstance(load_encoder("cluster.content_encoder:HashedEncoder"), HashedEncoder)
    for name in (
        "cluster.content_encoder",
        "nowhere:Encoder",
        "cluster.content_encoder:Nothing",
        "cluster.clock:Clock",
    ):
        with pytest.raises(CascadeError, match=r"catalogue\.encoder has value"):
            load_encoder(name)
