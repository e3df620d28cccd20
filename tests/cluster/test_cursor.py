import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.cursor import KEY_BYTES, MAX_POSTS, Cursors, marks
from cluster.errors import InvalidField
from cluster.settings import Settings
from cluster.wire import FeedRequest

KEY = bytes(range(KEY_BYTES))
CURSORS = Cursors(KEY, 24 * 3600)  # longer than any run of tests
POSTS = marks(np.array([7, 8, 2**62]))
CURSOR = CURSORS.write(5, "home", POSTS)


def test_a_cursor_brings_back_its_posts_on_any_server_with_the_key():
    assert Cursors(KEY, 5).read(CURSOR, 5, "home").tolist() == POSTS.tolist()


@pytest.mark.parametrize(("user", "surface"), [(6, "home"), (5, "explore")])
def test_a_foreign_cursor_is_refused(user, surface):
    with pytest.raises(InvalidField, match="another user"):
        CURSORS.read(CURSOR, user, surface)


def test_an_expired_cursor_is_refused():
    old = Cursors(KEY, -1).write(5, "home", POSTS)
    with pytest.raises(InvalidField, match="older than 1440 minutes"):
        CURSORS.read(old, 5, "home")


def test_a_cursor_under_another_key_is_refused():
    with pytest.raises(InvalidField, match="unchanged"):
        Cursors.of_this_process().read(CURSOR, 5, "home")


@settings(deadline=None)
@given(st.integers(0, len(CURSOR) - 2), st.characters(codec="ascii"))
def test_any_character_that_is_changed_is_noticed(at, character):
    forged = CURSOR[:at] + character + CURSOR[at + 1 :]
    if forged != CURSOR:
        with pytest.raises(InvalidField) as refused:
            CURSORS.read(forged, 5, "home")
        assert refused.value.field == "cursor"


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_is_sent_is_refused_and_nothing_breaks(text):
    with pytest.raises(InvalidField):
        CURSORS.read(text, 5, "home")


def test_a_feed_that_has_shown_too_much_ends_and_the_longest_cursor_can_be_sent():
    assert CURSORS.write(5, "home", np.arange(MAX_POSTS + 1, dtype=np.uint32)) is None
    longest = CURSORS.write(2**63 - 1, "explore", np.arange(MAX_POSTS, dtype=np.uint32))
    bound = FeedRequest.__annotations__["cursor"].__args__[0].__metadata__[0].max_length
    assert len(longest) <= bound


def test_all_servers_of_a_home_share_one_key(tmp_path):
    found = []
    threads = [threading.Thread(target=lambda: found.append(Cursors.of(Settings(home=tmp_path)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cursor = found[0].write(5, "home", POSTS)
    assert all(cursors.read(cursor, 5, "home").tolist() == POSTS.tolist() for cursors in found)
    assert [path.name for path in tmp_path.iterdir()] == ["cursor.key"]
    assert (tmp_path / "cursor.key").stat().st_mode & 0o077 == 0
