import numpy as np
import pyarrow as pa
import pytest

from kernels.actions import ACTIONS, BIT, COUNT
from kernels.columns import DAY_MS, DAYS, HISTORY, HOUR_MS, NEVER
from kernels.decay import WINDOWS_MS
from kernels.features import INDEX
from tests.training.features.worlds import START, small_dataset, tables
from training.features.history import History, contexts_of, history_at
from training.features.log import Log

MOMENTS = [START - DAY_MS, START + 3 * HOUR_MS, START + 20 * DAY_MS + 1, START + 60 * DAY_MS]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return Log.load(small_dataset(tmp_path_factory.mktemp("history") / "data"))


def impressions_before(log, moment):
    seen = log.impressions
    return [i for i in range(len(seen)) if seen.time_ms[i] < moment]


def counted(log, i):
    """What impression `i` adds to each column of a counter."""
    amounts = np.zeros(len(COUNT))
    amounts[COUNT["impression"]] = 1
    amounts[COUNT["watch_s"]] = np.nan_to_num(log.impressions.watch_s[i])
    for name in ACTIONS:
        amounts[COUNT[name]] = bool(log.impressions.actions[i] & BIT[name])
    return amounts


def decayed(log, rows):
    """Counters [W, N] of impressions at the time of the last of them."""
    times = log.impressions.time_ms[rows]
    left = np.exp(-(times[-1:] - times)[:, None] / np.array(WINDOWS_MS)) if len(rows) else np.zeros((0, 4))
    return np.einsum("iw,in->wn", left, np.array([counted(log, i) for i in rows]).reshape(-1, len(COUNT)))


@pytest.mark.parametrize("moment", MOMENTS)
def test_users_match_a_walk_through_the_log(log, moment):
    state, seen = history_at(log, moment).users, log.impressions
    for u in (7, 2, 11):
        mine = [i for i in impressions_before(log, moment) if seen.user[i] == u]
        at = slice(state.history_begin[u], state.history_end[u])
        np.testing.assert_array_equal(state.history_post[at], seen.post[mine][-HISTORY:])
        np.testing.assert_array_equal(state.history_time_ms[at], seen.time_ms[mine][-HISTORY:])
        np.testing.assert_array_equal(state.history_actions[at], seen.actions[mine][-HISTORY:])
        daily, hours = np.zeros_like(state.daily[u]), np.zeros(24)
        for i in mine:
            hours[(seen.time_ms[i] + 8 * HOUR_MS) // HOUR_MS % 24] += 1
            age = state.last_day[u] - log.day(int(seen.time_ms[i]))
            if age < DAYS:
                daily[age] += counted(log, i)
        np.testing.assert_array_equal(state.daily[u], daily)
        np.testing.assert_array_equal(state.hours[u], hours)
        np.testing.assert_allclose(state.counts[u], decayed(log, mine), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("moment", MOMENTS)
def test_follows_match_a_walk_through_the_relations(log, moment):
    state, relations = history_at(log, moment).users, log.relations
    for user in range(len(log.users.ids)):
        edges = {}
        for i in range(len(relations.user)):
            known = relations.author_id[i] in log.posts.author_ids
            followed = relations.kind[i] in ("follow", "close_friend")
            if relations.user[i] == user and relations.time_ms[i] < moment and known and followed:
                row = int(np.searchsorted(log.posts.author_ids, relations.author_id[i]))
                close, since = edges.get(row, (NEVER, NEVER))
                time_ms = int(relations.time_ms[i])
                edges[row] = min(close, time_ms) if relations.kind[i] == "close_friend" else close, min(since, time_ms)
        at = slice(state.follow_begin[user], state.follow_end[user])
        columns = (state.follow_author[at], state.follow_close_ms[at], state.follow_since_ms[at])
        got = {author: (close, since) for author, close, since in zip(*map(np.ndarray.tolist, columns), strict=True)}
        assert got == edges
        assert list(got) == sorted(got)


@pytest.mark.parametrize("moment", MOMENTS)
def test_posts_match_a_walk_through_the_log(log, moment):
    history, seen = history_at(log, moment), log.impressions
    before, table = impressions_before(log, moment), history.posts
    for p in range(len(log.posts.ids)):
        mine = [i for i in before if seen.post[i] == p]
        np.testing.assert_allclose(table.counts[p], decayed(log, mine), rtol=1e-4, atol=1e-4)
        assert table.counted_ms[p] == max(seen.time_ms[mine], default=0)
    for a in range(len(log.posts.author_ids)):
        mine = [i for i in before if log.posts.author[seen.post[i]] == a]
        np.testing.assert_allclose(table.author_counts[a], decayed(log, mine), rtol=1e-4, atol=1e-4)
        assert table.author_posts[a] == (log.posts.created_ms[log.posts.author == a] < moment).sum()
    month = decayed(log, before)[-1]
    np.testing.assert_allclose(table.prior, month / max(month[0], 1), rtol=1e-4, atol=1e-6)


def test_one_millisecond_decides_what_is_seen(log):
    seen = log.impressions
    i = len(seen) // 2
    moment, user, post = int(seen.time_ms[i]), seen.user[i], seen.post[i]
    before, after = history_at(log, moment), history_at(log, moment + 1)
    assert before.posts.counted_ms[post] < moment == after.posts.counted_ms[post]
    assert after.users.history_time_ms[after.users.history_end[user] - 1] == moment
    assert before.users.history_end[user] < after.users.history_end[user]


def test_live_features_know_all_that_happened_before_each_impression_and_nothing_else(log):
    """Each row equals the features of that impression alone, from a state folded up to its very millisecond."""
    rows = slice(700, 760)
    x = History(log).live_features(rows)
    for i in range(rows.start, rows.stop):
        one = np.array([i])
        moment = int(log.impressions.time_ms[i])
        alone = history_at(log, moment).features(
            contexts_of(log, one, log.impressions.user[one]), log.impressions.post[one]
        )
        np.testing.assert_array_equal(x[i - rows.start], alone[0])


@pytest.mark.parametrize(
    ("differs", "feature"), [("user_id", "post_like_rate_28d"), ("post_id", "user_impressions_1h")]
)
def test_an_event_counts_for_an_impression_if_it_came_a_millisecond_before(tmp_path, differs, feature):
    """The same like, of the same post or by the same user, a millisecond before, at and after the same impression."""
    impressions = tables()["impressions"]
    shown = impressions.slice(impressions.num_rows // 2, 1).to_pylist()[0]
    other = next(v for v in impressions[differs].to_pylist() if v != shown[differs])
    features = []
    for shift in (-1, 0, 1):
        event = shown | {"time_ms": shown["time_ms"] + shift, differs: other, "like": True}
        table = pa.concat_tables([impressions, pa.Table.from_pylist([event], impressions.schema)])
        log = Log.load(small_dataset(tmp_path / str(shift), impressions=table))
        users, posts = log.users.ids[log.impressions.user], log.posts.ids[log.impressions.post]
        same = (log.impressions.time_ms == shown["time_ms"]) & (users == shown["user_id"]) & (posts == shown["post_id"])
        (row,) = np.flatnonzero(same)
        features.append(History(log).live_features(slice(row, row + 1))[0])
    before, at, after = features
    assert before[INDEX[feature]] > at[INDEX[feature]]
    np.testing.assert_array_equal(at, after)


def test_requests_at_the_times_of_impressions_have_their_live_features(log):
    rows = slice(700, 760)
    at = np.arange(rows.start, rows.stop)
    contexts = contexts_of(log, at, log.impressions.user[at])
    history = History(log)
    x = history.features_before(contexts, log.impressions.post[at])
    np.testing.assert_array_equal(x, History(log).live_features(rows))
    with pytest.raises(ValueError, match="forward"):
        history.features_before(contexts, log.impressions.post[at])


def test_moving_in_steps_ends_where_one_stride_ends(log):
    end = START + 30 * DAY_MS
    strided, stepped = history_at(log, end), History(log)
    for day in range(31):
        stepped.advance(START + day * DAY_MS)
    for name in ("counts", "daily", "history_post", "author_engaged"):
        np.testing.assert_array_equal(getattr(strided.users, name), getattr(stepped.users, name))
    for name in ("counts", "author_counts", "prior"):
        np.testing.assert_array_equal(getattr(strided.posts, name), getattr(stepped.posts, name))


@pytest.mark.parametrize(("shift", "close"), [(-1, 1), (0, 0), (1, 0)])
def test_a_close_friend_is_one_from_the_next_millisecond_on(tmp_path, shift, close):
    """However many later impressions are made with it, and whatever was known of the author before."""
    world = tables()
    middle = world["impressions"].num_rows // 2
    shown = world["impressions"].slice(middle, 1).to_pylist()[0]
    author = world["posts"].slice(shown["post_id"] - 1000, 1).to_pylist()[0]["author_id"]
    relations = [("follow", shown["time_ms"] - 10), ("close_friend", shown["time_ms"] + shift)]
    follows = [
        {"user_id": shown["user_id"], "author_id": author, "time_ms": time_ms, "kind": kind}
        for kind, time_ms in relations
    ]
    table = pa.Table.from_pylist(follows, world["follows"].schema)
    x = History(Log.load(small_dataset(tmp_path, follows=table))).live_features(slice(middle, middle + 50))[0]
    assert (x[INDEX["follows_author"]], x[INDEX["close_friend"]]) == (1, close)
