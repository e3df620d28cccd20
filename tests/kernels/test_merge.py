import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.merge import MAX_SOURCES, merge_sources, merge_sources_numpy
from tests.kernels.bits import assert_same_bits

POSTS = 30
lists = st.lists(st.lists(st.integers(-2, POSTS + 2), max_size=15), max_size=6)


def columns(sources):
    offsets = np.cumsum([0, *(len(source) for source in sources)])
    return np.array([row for source in sources for row in source], np.int32), offsets


def merge(sources, limit=100, posts=POSTS):
    merged = merge_sources(*columns(sources), limit, posts)
    return merged.rows.tolist(), merged.sources.tolist()


def oracle(sources, limit):
    """Round-robin with Python's own containers."""
    masks = {}
    for rank in range(max(map(len, sources), default=0)):
        for bit, source in enumerate(sources):
            if rank < len(source) and 0 <= source[rank] < POSTS:
                masks[source[rank]] = masks.get(source[rank], 0) | 1 << bit
    kept = list(masks.items())[: max(0, limit)]
    return [row for row, _ in kept], [mask for _, mask in kept]


@settings(deadline=None)
@given(lists, st.integers(-2, 40))
def test_kernel_equals_its_twin(sources, limit):
    rows, offsets = columns(sources)
    for ours, twin in zip(
        merge_sources(rows, offsets, limit, POSTS), merge_sources_numpy(rows, offsets, limit, POSTS), strict=True
    ):
        assert_same_bits(ours, twin)


@settings(deadline=None)
@given(lists, st.integers(-2, 40))
def test_round_robin_of_distinct_posts_with_all_their_sources(sources, limit):
    assert merge(sources, limit) == oracle(sources, limit)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 20), st.sampled_from([40, 10**4, 2**31 - 1]))
def test_kernel_equals_its_twin_on_many_rows(seed, shift, posts):
    rng = np.random.default_rng(seed)
    rows = (rng.integers(0, posts, 900) >> shift << shift).astype(np.int32)  # low bits all zero: a hash's bad day
    offsets = np.array([0, 400, 400, 650, 900])
    for ours, twin in zip(
        merge_sources(rows, offsets, 600, posts), merge_sources_numpy(rows, offsets, 600, posts), strict=True
    ):
        assert_same_bits(ours, twin)


def test_the_first_of_each_source_then_the_second():
    assert merge([[1, 2, 3], [4], [5, 6]]) == ([1, 4, 5, 2, 6, 3], [1, 2, 4, 1, 4, 1])


def test_a_post_has_the_bits_of_sources_that_bring_it_beyond_the_limit():
    assert merge([[1, 2, 3], [9, 8, 1]], limit=2) == ([1, 9], [0b11, 0b10])


def test_a_source_that_repeats_itself_brings_a_post_once():
    assert merge([[7, 7, 7]]) == ([7], [1])


def test_rows_outside_the_post_table_are_skipped():
    assert merge([[-1, 3, POSTS], [POSTS - 1]]) == ([29, 3], [2, 1])


def test_no_source_and_no_row_make_no_candidate():
    assert merge([]) == ([], [])
    assert merge([[], []]) == ([], [])


def test_the_32nd_source_has_the_highest_bit():
    assert merge([[]] * 31 + [[5]]) == ([5], [1 << 31])


@pytest.mark.parametrize("merge_any", [merge_sources, merge_sources_numpy])
def test_more_sources_than_bits_are_refused(merge_any):
    with pytest.raises(ValueError, match="at most 32 sources"):
        merge_any(*columns([[1]] * (MAX_SOURCES + 1)), 5, POSTS)


def test_lists_may_start_within_the_array():
    rows, offsets = np.array([8, 1, 2, 9], np.int32), np.array([1, 2, 3])
    for merge_any in (merge_sources, merge_sources_numpy):
        assert merge_any(rows, offsets, 5, POSTS).rows.tolist() == [1, 2]
