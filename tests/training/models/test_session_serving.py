"""The session encoder beside its twin, and what a request must never wait for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import CascadeError
from kernels.session import encode_session
from kernels.session_numpy import encode_session_numpy
from tests.training.models.test_session import POSTS, SHAPE, history, network
from training.models.session import SessionEncoder


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(0, 1000), st.floats(0, 1))
def test_an_encoder_and_the_twin_agree_on_what_is_known(length, seed, unknown):
    encoder, (posts, actions, hours) = network(seed).encoder(), history(length, seed)
    posts[np.random.default_rng(seed).random(length) < unknown] = -1
    last = np.flatnonzero(posts >= 0)[-SHAPE.length :]
    encoded = encoder.encode(posts, actions, hours)
    if not len(last):
        assert not encoded.any()
        return
    vectors, done = encoder.history_vectors[posts[last]], encoder.weights["actions"][actions[last]]
    twin = encode_session_numpy(encoder.weights, SHAPE.blocks, vectors, done, hours[last])
    np.testing.assert_allclose(encoded, twin, atol=1e-5)


def test_a_loaded_encoder_compiles_nothing_more_whatever_memory_it_reads(tmp_path):
    net, seen = network(), history(12)
    net.export(tmp_path / "session")
    vectors = net.encoder().history_vectors
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    encoder = SessionEncoder.load(tmp_path / "session", mapped)
    assert len(encode_session.signatures) == 1
    frozen = tuple(column.view() for column in seen)
    for column in frozen:
        column.flags.writeable = False
    for history_vectors in (mapped, vectors, np.asfortranarray(vectors)):
        other = replace(encoder, history_vectors=history_vectors)
        assert other.laid_out is encoder.laid_out
        np.testing.assert_array_equal(other.encode(*frozen), encoder.encode(*seen))
    assert len(encode_session.signatures) == 1


def test_a_folder_that_lacks_a_weight_is_named(tmp_path):
    network().export(tmp_path)
    (tmp_path / "weights.json").write_text("[]")
    with pytest.raises(CascadeError, match=f"{tmp_path} holds no session encoder"):
        SessionEncoder.load(tmp_path, np.zeros((POSTS, 64), np.float32))
