import numpy as np
import pytest

from benchmarks.footprint import parse_sizes
from benchmarks.footprint_posts import CatalogueCost, ReleaseBytes, measure_catalogue, measure_release
from benchmarks.footprint_report import Footprint, table
from benchmarks.footprint_stores import full_state, weigh_stores
from benchmarks.machine import describe
from cluster.errors import InvalidField
from cluster.settings import Events, Store
from cluster.user_state import pack, unpack
from deployments.loaded_release import LoadedRelease
from kernels.columns import HISTORY
from kernels.fold import SEEN
from tests.conftest import free_port
from tests.deployments.catalogue.releases import release


@pytest.fixture(scope="module")
def weighed(world):
    return weigh_stores(world, Store(port=free_port()), Events(port=free_port()))


def test_users_are_weighed_as_they_are_stored(weighed):
    user, _, _ = weighed
    assert user.users == 60
    assert user.p50 <= user.p99 <= user.full
    assert user.stored > user.mean  # key, table and rounding on top


def test_a_state_with_full_rings_is_a_state():
    state = unpack(pack(full_state()))
    assert len(state.events) == HISTORY
    assert len(state.seen_posts) == 8 * SEEN


def test_events_and_posts_are_weighed(weighed):
    _, event, post = weighed
    assert event.events >= 50_000 * 0.99
    assert event.archived < event.memory < 1000  # columns compress
    assert event.appended > 100  # its id, user, post, action and time at least
    assert post.record > 2 * 32 * 8  # an embedding, in record and log entry
    assert 192 < post.counters < 1000


def test_a_catalogue_takes_at_least_its_vectors():
    loaded = LoadedRelease(**{"release": None, "user_ids": None, "forest": None, "ranker": None, **vars(release())})
    cost = measure_catalogue(loaded, 30_000)
    assert (cost.posts, cost.dim, cost.kind) == (30_000, loaded.index.d, "Flat")
    assert cost.index == pytest.approx(4 * cost.dim, rel=0.01)
    assert cost.columns > 100  # some 30 columns
    assert cost.search_ms > 0


def test_a_release_is_weighed_by_what_has_a_row_for_each(tmp_path):
    (tmp_path / "ranker").mkdir()
    np.save(tmp_path / "user_ids.npy", np.zeros(7, np.int64))
    np.save(tmp_path / "ranker" / "user.npy", np.zeros((8, 4), np.float32))  # and one for who is unknown
    np.save(tmp_path / "post.npy", np.zeros((20, 3), np.float32))
    np.save(tmp_path / "trunk.npy", np.zeros((50, 50)))
    np.save(tmp_path / "prior.npy", np.zeros(()))
    assert measure_release(tmp_path, users=7, posts=20) == ReleaseBytes(user=round((7 * 8 + 8 * 16) / 7, 1), post=12)


def test_the_table_has_every_catalogue(weighed):
    costs = [CatalogueCost(posts, 64, "Flat", 256.0, 600.0, 0.1, 0.0) for posts in (1000, 2000)]
    report = Footprint("footprint", describe(), "world", *weighed, ReleaseBytes(556.0, 1400.0), costs)
    assert table(report).row_count == 10 + 2 * len(costs)


@pytest.mark.parametrize("text", ["", "10,", "1e5", "-5", "0", "99999999999"])
def test_sizes_that_are_none_are_refused(text):
    with pytest.raises(InvalidField, match="such as 50000,200000"):
        parse_sizes(text)
