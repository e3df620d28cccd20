"""What replicas report, as Ray Serve's policies are called."""

import math

import pytest
from ray.serve._private.common import DeploymentID, ReplicaID
from ray.serve.config import AutoscalingConfig, AutoscalingContext

from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.distributed.application import Remote
from deployments.distributed.autoscaling import IN_FLIGHT, by_questions

SHARD = DeploymentID("RetrievalShard0", "cascade")


def context(loads, replicas=2, target=1.1):
    reported = {ReplicaID(str(i), SHARD): load for i, load in enumerate(loads)}
    return AutoscalingContext(
        deployment_id=SHARD,
        deployment_name=SHARD.name,
        app_name=SHARD.app_name,
        current_num_replicas=replicas,
        target_num_replicas=replicas,
        running_replicas=list(reported),
        total_num_requests=0,
        total_queued_requests=0,
        aggregated_metrics=lambda: {IN_FLIGHT: reported} if reported else {},
        raw_metrics=None,
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=8,
        policy_state={},
        last_scale_up_time=None,
        last_scale_down_time=None,
        current_time=0.0,
        config=AutoscalingConfig(min_replicas=1, max_replicas=8, target_ongoing_requests=target),
    )


@pytest.mark.parametrize(("loads", "wanted"), [((2.0, 2.4), 4), ((0.3, 0.2), 1), ((1.1, 1.1), 2)])
def test_replicas_are_as_many_as_share_the_questions(loads, wanted):
    desired, _ = by_questions(context(loads))
    assert math.ceil(round(desired, 6)) == wanted


def test_nothing_changes_while_nobody_has_reported():
    assert by_questions(context((), replicas=3))[0] == 3


def test_every_deployment_has_its_own_bounds_and_nodes():
    told = {"shards": 3, "shard_replicas": 2, "max_shard_replicas": 5, "max_ranker_replicas": 4, "ranker_target": 8}
    settings = Settings.model_validate({"serving": {"topology": "distributed"}, "distributed": told})
    remote = Remote.deployed(settings, StoreUrls("redis://a", "redis://b"))
    shards = [application._bound_deployment for application in remote.shards]
    assert [shard.name for shard in shards] == ["RetrievalShard0", "RetrievalShard1", "RetrievalShard2"]
    ranker = remote.ranker._bound_deployment

    def scaling(deployment):
        config = deployment._deployment_config.autoscaling_config
        assert config.policy.policy_function.endswith("by_questions")
        return config.min_replicas, config.max_replicas, config.target_ongoing_requests

    assert [scaling(shard) for shard in shards] == [(2, 5, 1.1)] * 3
    assert scaling(ranker) == (1, 4, 8.0)
    labels = [each.ray_actor_options["label_selector"]["cascade.io/role"] for each in (shards[0], ranker)]
    assert labels == ["!in(feed,ranker)", "!in(feed,retrieval)"]
