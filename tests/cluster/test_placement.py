import pytest
from ray._private.label_utils import validate_label_selector

from cluster.errors import CascadeError
from cluster.placement import ROLE_LABEL, Need, Node, Role, label_selector, refuse_unplaceable
from cluster.settings import RayCluster, Settings
from deployments.distributed.application import needs_of


@pytest.mark.parametrize("role", Role)
def test_a_role_keeps_off_the_nodes_of_the_others(role: Role) -> None:
    selector = label_selector(role)
    assert validate_label_selector(selector) is None
    excluded = selector[ROLE_LABEL].removeprefix("!in(").removesuffix(")").split(",")
    assert {*excluded, role} == set(Role)
    assert role not in excluded


FEED, SHARD = Need("FeedServer", Role.FEED, 2, 1.0), Need("RetrievalShard0", Role.RETRIEVAL, 2, 0.5)
GPU = Need("Ranker", Role.RANKER, 1, 0.5, 1.0)


def test_what_fits_is_not_refused() -> None:
    refuse_unplaceable([FEED, SHARD], [Node(None, 3.0, 0.0)])
    refuse_unplaceable([FEED, SHARD, GPU], [Node("feed", 2, 0), Node("retrieval", 1, 0), Node("ranker", 1, 1)])
    # A node for one role is filled before one for all.
    refuse_unplaceable([SHARD, FEED], [Node(None, 2, 0), Node("retrieval", 1, 0)])
    # So is one without a GPU.
    refuse_unplaceable([FEED, GPU], [Node(None, 0.5, 1), Node(None, 2, 0)])


@pytest.mark.parametrize(
    ("needs", "nodes", "told"),
    [
        ([FEED, SHARD], [Node(None, 2.5, 0)], "RetrievalShard0: there is room for 1 of 2 replicas with 0.5 CPU each"),
        ([FEED], [Node("ranker", 8, 1)], "role feed; nodes are ranker: 8 CPU, 1 GPU"),
        ([GPU], [Node(None, 8, 0)], "0 of 1 replicas with 0.5 CPU and 1 GPU"),
        ([FEED], [], "nodes are none"),
    ],
)
def test_who_has_no_room_is_named(needs: list[Need], nodes: list[Node], told: str) -> None:
    with pytest.raises(CascadeError, match=told) as error:
        refuse_unplaceable(needs, nodes)
    assert "serving.topology" in error.value.remedy


def test_nodes_are_read_as_ray_tells_them() -> None:
    told = {"Alive": True, "Resources": {"CPU": 4.0, "memory": 1.0}, "Labels": {ROLE_LABEL: "feed"}}
    assert Node.of(told) == Node("feed", 4.0, 0.0)
    assert Node.of({"Resources": {}}) == Node(None, 0.0, 0.0)


def test_by_default_both_topologies_fit_on_the_smallest_laptop() -> None:
    for topology in ("fused", "distributed"):
        settings = Settings.model_validate({"serving": {"topology": topology}})
        refuse_unplaceable(needs_of(settings), [Node(None, RayCluster(num_cpus=4).cpus, 0.0)])


@pytest.mark.parametrize(
    ("topology", "gpu", "who"),
    [
        ("fused", {"ranker": {"device": "cuda"}}, "FeedServer"),
        ("fused", {"catalogue": {"index_device": "cuda"}}, "FeedServer"),
        ("distributed", {"ranker": {"device": "cuda"}}, "Ranker"),
        ("distributed", {"catalogue": {"index_device": "cuda"}}, "RetrievalShard0"),
    ],
)
@pytest.mark.parametrize("replicas", [1, 3, 10])
def test_a_gpu_is_asked_for_by_who_computes_there(
    topology: str, gpu: dict[str, object], who: str, replicas: int
) -> None:
    serving = {"topology": topology, "min_replicas": replicas, "max_replicas": replicas}
    settings = Settings.model_validate({"serving": serving, **gpu})
    refuse_unplaceable(needs_of(settings), [Node(None, 16.0, 1.0)])
    with pytest.raises(CascadeError, match=f"cannot place {who}: .* GPU each") as error:
        refuse_unplaceable(needs_of(settings), [Node(None, 16.0, 0.0)])
    assert "ranker.device and catalogue.index_device to cpu" in error.value.remedy
