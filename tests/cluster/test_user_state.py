import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.post_table import PostTable
from cluster.user_state import EVENT, TopicCodes, UnreadableState, UserState, pack, unpack
from cluster.vocabulary import stable_id
from kernels.actions import BIT, COUNTS
from kernels.columns import DAYS, NEVER
from tests.kernels.columns import random_posts

TOPICS = TopicCodes({"cats": 1, "cars": 2})
STATE = UserState(
    created_ms=1_600_000_000_000,
    followers=12,
    following=3,
    region="north",
    last_day=19_000,
    daily=np.arange(DAYS * len(COUNTS), dtype=np.float32).tobytes(),
    hours=np.arange(24, dtype=np.float32).tobytes(),
    history=np.array([(7, 1000, BIT["like"], 1.5), (99, 2000, 0, 0)], EVENT).tobytes(),
    following_ids=np.array([30, 10, 77, 10]).tobytes(),
    close_ids=np.array([30]).tobytes(),
    blocked_ids=np.array([20]).tobytes(),
    author=np.array([20, 11, *[-1] * 30]).tobytes(),
    topic=np.array([stable_id("cars"), stable_id("gone"), *[-1] * 14]).tobytes(),
)


def test_a_state_survives_packing():
    assert unpack(pack(STATE)) == STATE
    assert unpack(pack(UserState())) == UserState()


def test_a_full_history_fits_the_budget():
    full = np.zeros(128, EVENT).tobytes()
    assert len(pack(UserState(history=full, following_ids=bytes(8 * 200)))) < 8192


def test_the_28_days_of_version_1_become_14():
    import zlib

    import msgspec

    daily = np.arange(28 * len(COUNTS), dtype=np.float32)
    body = msgspec.msgpack.encode([5, 2.0, 3.0, "north", 19_000, daily.tobytes(), bytes(24 * 4), STATE.history])
    state = unpack(struct.pack("<2sHI", b"CU", 1, zlib.crc32(body)) + body)
    assert state == UserState(
        5, 2.0, 3.0, "north", 19_000, daily[: DAYS * len(COUNTS)].tobytes(), history=STATE.history
    )


@given(st.integers(0, len(pack(STATE)) - 1), st.integers(1, 255))
def test_any_damaged_byte_is_noticed(at, flip):
    blob = bytearray(pack(STATE))
    blob[at] ^= flip
    with pytest.raises(UnreadableState):
        unpack(bytes(blob))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 100])
def test_a_truncated_blob_is_unreadable(size):
    with pytest.raises(UnreadableState):
        unpack(pack(STATE)[:size])


def test_a_blob_with_fewer_fields_reads_with_defaults():
    """What a version with fewer fields wrote: MessagePack [created_ms, followers]."""
    import zlib

    import msgspec

    body = msgspec.msgpack.encode([5, 2.0])
    state = unpack(struct.pack("<2sHI", b"CU", 1, zlib.crc32(body)) + body)
    assert state == UserState(created_ms=5, followers=2.0)


def test_a_blob_of_the_future_is_unreadable():
    blob = bytearray(pack(STATE))
    blob[2] = 99
    with pytest.raises(UnreadableState, match="version 99"):
        unpack(bytes(blob))


def test_columns_speak_of_the_rows_of_a_release():
    posts = PostTable(np.array([5, 7, 9]), np.array([10, 20, 30]), random_posts(np.random.default_rng(0), 3, 3))
    columns = STATE.columns(posts, {"south": 1, "north": 2}, TOPICS)
    assert columns.history_post.tolist() == [1, -1]
    assert columns.history_actions.tolist() == [BIT["like"], 0]
    assert columns.follow_author.tolist() == [0, 2]
    assert columns.follow_close_ms.tolist() == [NEVER, 0]
    assert columns.region.tolist() == [2]
    assert columns.daily[0, 1, 0] == len(COUNTS)
    assert columns.author[0, :3].tolist() == [1, -1, -1]
    assert columns.topic[0, :3].tolist() == [2, -1, -1]
    assert UserState(region="mars").columns(posts, {"south": 1}, TOPICS).region.tolist() == [0]


def test_all_states_have_columns_of_one_type_and_layout():
    """Another one would make Numba compile anew, in the middle of a request."""
    posts = PostTable(np.array([5, 7, 9]), np.array([10, 20, 30]), random_posts(np.random.default_rng(0), 3, 3))
    full, empty = (unpack(pack(state)).columns(posts, {}, TOPICS) for state in (STATE, UserState()))
    for name, column in full._asdict().items():
        other = getattr(empty, name)
        assert (column.dtype, column.ndim) == (other.dtype, other.ndim), name
        assert column.flags.writeable == other.flags.writeable, name
        assert column.flags.c_contiguous, name
        assert other.flags.c_contiguous, name
