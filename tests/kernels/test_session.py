import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernels.session import GAPS, encode_session, session_weights
from kernels.session_numpy import encode_session_numpy

DIM = 24


def random_weights(rng, width, heads, blocks):
    """As a trained encoder names them, its products about as wide as they are after training."""

    def linear(name, out, width):
        return {
            f"{name}.weight": rng.normal(size=(out, width)) / np.sqrt(width),
            f"{name}.bias": rng.normal(size=out) / 4,
        }

    def norm(name):
        return {f"{name}.weight": rng.uniform(0.5, 1.5, width), f"{name}.bias": rng.normal(size=width) / 4}

    weights = linear("post", width, DIM) | norm("norm") | linear("out", DIM, width)
    weights |= {f"{name}.weight": rng.normal(size=(GAPS, width)) for name in ("gap", "wait")}
    for block in (f"blocks.{b}" for b in range(blocks)):
        weights |= norm(f"{block}.before") | norm(f"{block}.between")
        weights |= linear(f"{block}.mix", 3 * width, width) | linear(f"{block}.join", width, width)
        weights |= linear(f"{block}.wide", 2 * width, width) | linear(f"{block}.narrow", width, 2 * width)
        weights[f"{block}.fading"] = rng.normal(size=(heads, 1, 1)) / 4
    return {name: weight.astype(np.float32) for name, weight in weights.items()}


def random_impressions(rng, width, hours):
    columns = rng.normal(size=(len(hours), DIM)), rng.normal(size=(len(hours), width)), hours
    return tuple(column.astype(np.float32) for column in columns)


def assert_same(weights, blocks, impressions):
    ours = encode_session(session_weights(weights, blocks), *impressions)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, encode_session_numpy(weights, blocks, *impressions), atol=1e-5)


shapes = st.tuples(st.sampled_from([8, 20, 64]), st.sampled_from([1, 2, 4]), st.integers(1, 3))


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32), st.integers(1, 50), shapes)
@example(0, 1, (8, 1, 1))
def test_the_kernel_and_its_twin_agree(seed, length, shape):
    width, heads, blocks = shape
    rng = np.random.default_rng(seed)
    hours = np.sort(rng.exponential(50, length))[::-1]
    assert_same(random_weights(rng, width, heads, blocks), blocks, random_impressions(rng, width, hours))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=12))
def test_they_agree_on_times_in_any_order_and_of_any_size(hours):
    rng = np.random.default_rng(len(hours))
    assert_same(random_weights(rng, 8, 2, 2), 2, random_impressions(rng, 8, np.array(hours)))


def test_weights_that_are_mapped_are_laid_out_for_the_same_machine_code(tmp_path):
    rng = np.random.default_rng(0)
    weights, impressions = random_weights(rng, 8, 2, 2), random_impressions(rng, 8, np.arange(5)[::-1])
    expected = encode_session(session_weights(weights, 2), *impressions)
    mapped = {}
    for name, weight in weights.items():
        np.save(tmp_path / f"{name}.npy", weight)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    np.testing.assert_array_equal(encode_session(session_weights(mapped, 2), *impressions), expected)
    assert len(encode_session.signatures) == 1


@pytest.mark.parametrize("huge", [0, 1e4])
def test_scores_are_made_smaller_before_their_exponentials(huge):
    rng = np.random.default_rng(0)
    weights = random_weights(rng, 8, 2, 2)
    for block in range(2):
        weights[f"blocks.{block}.mix.weight"][:16] *= huge
    assert_same(weights, 2, random_impressions(rng, 8, np.arange(9)[::-1]))
