import numpy as np
import pytest

from kernels.actions import ACTIONS, BIT, COUNT
from kernels.columns import DAY_MS, DAYS, HOUR_MS
from tests.training.features.worlds import START, small_dataset
from training.features.log import Log
from training.features.snapshot import HISTORY, posts_at, users_at

MOMENTS = [START - DAY_MS, START + 3 * HOUR_MS, START + 20 * DAY_MS + 1, START + 60 * DAY_MS]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return Log.load(small_dataset(tmp_path_factory.mktemp("snapshot") / "data"))


def impressions_before(log, moment):
    seen = log.impressions
    return [i for i in range(len(seen)) if seen.time_ms[i] < moment]


@pytest.mark.parametrize("moment", MOMENTS)
def test_users_match_a_walk_through_the_log(log, moment):
    asked = np.array([7, 2, 11], np.int32)
    state, seen = users_at(log, moment, asked), log.impressions
    today = log.day(moment)
    for u, user in enumerate(asked):
        mine = [i for i in impressions_before(log, moment) if seen.user[i] == user]
        begin, end = state.history_offsets[u : u + 2]
        np.testing.assert_array_equal(state.history_post[begin:end], seen.post[mine][-HISTORY:])
        np.testing.assert_array_equal(state.history_time_ms[begin:end], seen.time_ms[mine][-HISTORY:])
        np.testing.assert_array_equal(state.history_actions[begin:end], seen.actions[mine][-HISTORY:])
        daily, hours = np.zeros_like(state.daily[u]), np.zeros(24)
        for i in mine:
            hours[(seen.time_ms[i] + 8 * HOUR_MS) // HOUR_MS % 24] += 1
            age = today - log.day(int(seen.time_ms[i]))
            if age < DAYS:
                daily[age, COUNT["impression"]] += 1
                daily[age, COUNT["watch_s"]] += np.nan_to_num(seen.watch_s[i])
                for name in ACTIONS:
                    daily[age, COUNT[name]] += bool(seen.actions[i] & BIT[name])
        np.testing.assert_array_equal(state.daily[u], daily)
        np.testing.assert_array_equal(state.hours[u], hours)


@pytest.mark.parametrize("moment", MOMENTS)
def test_follows_match_a_walk_through_the_relations(log, moment):
    state, relations = users_at(log, moment), log.relations
    for user in range(len(log.users.ids)):
        edges = {}
        for i in range(len(relations.user)):
            known = relations.author_id[i] in log.posts.author_ids
            followed = relations.kind[i] in ("follow", "close_friend")
            if relations.user[i] == user and relations.time_ms[i] < moment and known and followed:
                row = int(np.searchsorted(log.posts.author_ids, relations.author_id[i]))
                edges[row] = edges.get(row, False) or relations.kind[i] == "close_friend"
        begin, end = state.follow_offsets[user : user + 2]
        got = dict(zip(state.follow_author[begin:end].tolist(), state.follow_close[begin:end].tolist(), strict=True))
        assert got == edges
        assert list(got) == sorted(got)


@pytest.mark.parametrize("moment", MOMENTS)
def test_posts_match_a_walk_through_the_log(log, moment):
    table, seen = posts_at(log, moment), log.impressions
    for counts, days in ((table.week, 7), (table.month, DAYS)):
        expected = np.zeros_like(counts)
        for i in impressions_before(log, moment):
            if seen.time_ms[i] >= moment - days * DAY_MS:
                expected[seen.post[i], COUNT["impression"]] += 1
                expected[seen.post[i], COUNT["watch_s"]] += np.nan_to_num(seen.watch_s[i])
                for name in ACTIONS:
                    expected[seen.post[i], COUNT[name]] += bool(seen.actions[i] & BIT[name])
        np.testing.assert_array_equal(counts, expected)
    total = table.month.sum(axis=0)
    np.testing.assert_array_equal(table.author_month.sum(axis=0), total)
    if total[COUNT["impression"]]:
        np.testing.assert_allclose(table.prior, total / total[COUNT["impression"]], rtol=1e-6)


def test_one_millisecond_decides_what_is_seen(log):
    seen = log.impressions
    i = len(seen) // 2
    moment, user = int(seen.time_ms[i]), seen.user[i : i + 1]
    before, after = users_at(log, moment, user), users_at(log, moment + 1, user)
    assert moment not in before.history_time_ms
    assert after.history_time_ms[-1] == moment
    post = seen.post[i]
    assert posts_at(log, moment + 1).month[post, 0] > posts_at(log, moment).month[post, 0]
