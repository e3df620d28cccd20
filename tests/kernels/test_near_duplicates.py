import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.columns import CONTENT_DIM
from kernels.near_duplicates import first_of_their_kind, first_of_their_kind_numpy

#: (look, kind, deciseconds) of each candidate: looks are orthogonal, so that no sum is near the threshold.
POSTS = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2), st.integers(0, 4)), max_size=30)


def columns(posts):
    content = np.zeros((len(posts), CONTENT_DIM), np.float32)
    for i, (look, _, _) in enumerate(posts):
        if look >= 0:
            content[i, look] = 1
    kinds, tenths = (np.array([post[at] for post in posts]) for at in (1, 2))
    # A little less than a tenth of a second apart: near, but two steps are not.
    return content, kinds.astype(np.int16), (tenths * 0.09).astype(np.float32)


@settings(deadline=None)
@given(POSTS)
def test_no_two_that_stay_are_near_duplicates_and_who_goes_has_one_that_stays(posts):
    keep = first_of_their_kind(*columns(posts), 0.97).tolist()

    def near(a, b):
        return a[0] == b[0] >= 0 and a[1] == b[1] and abs(a[2] - b[2]) <= 1

    for i, post in enumerate(posts):
        assert keep[i] != any(keep[j] and near(posts[j], post) for j in range(i))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_the_kernel_and_its_twin_agree(seed, count):
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(8, CONTENT_DIM))
    content = looks[rng.integers(0, 8, count)] + rng.normal(size=(count, CONTENT_DIM)) * 0.01
    content = (content / np.linalg.norm(content, axis=1, keepdims=True)).astype(np.float32)
    kind, duration = rng.integers(0, 2, count).astype(np.int16), rng.choice([0, 5, 5.05], count).astype(np.float32)
    twin = first_of_their_kind_numpy(content, kind, duration, 0.97)
    np.testing.assert_array_equal(first_of_their_kind(content, kind, duration, 0.97), twin)
