import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.planning.costs import load_costs
from benchmarks.planning.demand import NodeShape
from benchmarks.planning.sizing import GIB, SPARE_MEMORY, alternatives, size, with_spare
from cluster.errors import InvalidField
from tests.benchmarks.planning.asked import NODE, demand, goals

COSTS = load_costs()
PEOPLE = st.floats(1e3, 4e9)
POSTS = st.floats(1, 3e9)


FEW = settings(max_examples=40, deadline=None)


@FEW
@given(PEOPLE, st.floats(1, 50), POSTS, st.sampled_from([1, 3]))
def test_more_people_never_need_fewer_nodes(people, times, posts, zones):
    few, many = (size(demand(people * n, posts=posts), goals(zones=zones), NODE, COSTS).nodes for n in (1.0, times))
    assert few <= many


@FEW
@given(PEOPLE, POSTS)
def test_a_lower_utilisation_or_a_shorter_deadline_never_needs_fewer_nodes(people, posts):
    asked = demand(people, posts=posts)
    nodes = size(asked, goals(), NODE, COSTS).nodes
    assert size(asked, goals(utilisation=0.5), NODE, COSTS).nodes >= nodes
    assert size(asked, goals(p99_ms=100.0), NODE, COSTS).nodes >= nodes


@FEW
@given(PEOPLE, POSTS, st.integers(1, 512))
def test_what_holds_the_posts_has_memory_for_all_of_them(people, posts, dim):
    try:
        found = alternatives(demand(people, posts=posts, dim=dim), goals(), NODE, COSTS)
    except InvalidField as error:
        assume("--p99-ms" not in error.field)  # so many shards that asking them takes too long
        raise
    for sizing in found:
        retrieval, servers = sizing.retrieval, sizing.feeds.servers
        holders = retrieval.servers if retrieval else servers
        copies = retrieval.shards if retrieval else 1
        assert copies * (holders.gib - COSTS["replica"]) * GIB >= posts * COSTS.post_bytes(dim) * 0.999
        for each in (holders, servers):
            used = each.per_node * each.gib + each.shared_gib + COSTS["node"]
            assert used <= NODE.memory_gib * (1 - SPARE_MEMORY) * (1 + 1e-9)
            assert each.nodes * each.per_node >= each.replicas
            assert 1 <= each.per_node <= NODE.cpus
        if retrieval:
            assert retrieval.shards * retrieval.posts_per_shard >= posts
            assert retrieval.servers.replicas >= 2 * retrieval.shards


@FEW
@given(PEOPLE, POSTS)
def test_stores_hold_what_there_is(people, posts):
    asked, goal = demand(people, posts=posts), goals()
    stores = size(asked, goal, NODE, COSTS).stores
    assert stores.state_gib * GIB >= people * COSTS["user"]
    assert stores.state_shards * goal.store_gib >= stores.state_gib
    assert stores.logs * goal.store_gib >= stores.events_gib
    assert stores.logs * COSTS["log"] * goal.utilisation >= asked.events_peak * 0.999
    assert stores.memory_gib >= goal.copies * (stores.state_gib + stores.events_gib)
    assert stores.nodes * NODE.memory_gib >= stores.memory_gib


def test_the_replicas_carry_the_peak_at_the_measured_rate():
    asked = demand(1e9)
    feeds = size(asked, goals(utilisation=1.0), NODE, COSTS).feeds
    slower = COSTS["searches_per_feed"] * (COSTS.searches.ms(1e5, 64) - COSTS.searches.ms(7583, 64))
    at_least = asked.feeds_peak * COSTS.feeds.cores / COSTS.feeds.points[-1].feeds_per_s
    assert feeds.servers.replicas == pytest.approx(at_least * (1 + slower * 0.261 / 2), rel=0.01)
    half = size(asked, goals(utilisation=0.5), NODE, COSTS).feeds
    assert half.servers.replicas == pytest.approx(2 * feeds.servers.replicas, abs=1)


def test_regions_hold_all_posts_and_their_share_of_people():
    whole, part = (size(demand(4e8, regions=n), goals(), NODE, COSTS) for n in (1, 4))
    assert part.feeds.servers.gib == whole.feeds.servers.gib
    assert part.feeds.servers.replicas == pytest.approx(whole.feeds.servers.replicas / 4, abs=1)


def test_few_posts_are_fused_and_very_many_are_sharded():
    assert size(demand(1e6, posts=1e5), goals(), NODE, COSTS).topology == "fused"
    assert size(demand(1e6, posts=1e9), goals(), NODE, COSTS).topology == "distributed"


@pytest.mark.parametrize("memory", [0.5, 1.0, 1.9])
def test_a_node_that_holds_no_replica_is_refused_with_what_it_would_need(memory):
    with pytest.raises(InvalidField, match=r"--node-memory-gib has value .* must be") as told:
        size(demand(), goals(), NodeShape(64, memory, None), COSTS)
    needed = float(told.value.allowed.split("above ")[-1].split("at least ")[-1].split(",")[0].split(":")[0])
    assert needed > memory
    size(demand(posts=100), goals(), NodeShape(64, needed * 1.01 + 0.7, None), COSTS)


def test_a_deadline_that_nothing_met_is_refused():
    with pytest.raises(InvalidField, match="--costs a report"):
        size(demand(), goals(p99_ms=20.0), NODE, COSTS)


@given(st.floats(0.01, 1e5), st.floats(0.1, 1), st.integers(2, 6))
def test_a_lost_zone_leaves_enough(need, share, zones):
    nodes = with_spare(need, need * share, zones)
    assert nodes >= need
    assert nodes % zones == 0
    assert nodes * (zones - 1) / zones >= need * share * (1 - 1e-9)


@given(st.floats(0.01, 1e5), st.floats(0.1, 1))
def test_a_lost_node_leaves_enough(need, share):
    nodes = with_spare(need, need * share, 1)
    assert nodes >= max(2, need)
    assert nodes - 1 >= need * share


def test_a_search_that_takes_longer_needs_more(tmp_path):
    slower = replace_searches(2.0)
    asked = demand(1e8, posts=1e6)
    assert size(asked, goals(), NODE, slower).nodes > size(asked, goals(), NODE, COSTS).nodes


def test_gpus_take_the_ranking_from_feed_servers():
    asked = demand(1e9)
    without, beside = (size(asked, goals(), NodeShape(64, 512.0, None, gpu), COSTS) for gpu in (None, 5000.0))
    assert without.rankers is None
    assert beside.rankers.replicas == -(-asked.feeds_peak // (5000 * 0.7))
    assert beside.rankers.per_node == 1
    saved = COSTS["scoring"] - COSTS["hop"] / 2
    less = beside.feeds.queue.service / without.feeds.queue.service
    assert less == pytest.approx(1 - saved / 1e3 / without.feeds.queue.service)
    assert beside.feeds.servers.replicas < without.feeds.servers.replicas


def replace_searches(times: float):
    points = [msgspec.structs.replace(point, ms=point.ms * times) for point in COSTS.searches.points]
    return msgspec.structs.replace(COSTS, searches=msgspec.structs.replace(COSTS.searches, points=points))
