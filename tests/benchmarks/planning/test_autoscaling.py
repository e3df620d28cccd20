from collections import deque

import pytest
from ray.serve._private.autoscaling_state import DeploymentAutoscalingState
from ray.serve._private.common import (
    RUNNING_REQUESTS_KEY,
    DeploymentID,
    ReplicaID,
    ReplicaMetricReport,
    TimeStampedValue,
)
from ray.serve._private.config import DeploymentConfig, ReplicaConfig
from ray.serve._private.deployment_info import DeploymentInfo

from benchmarks.planning.autoscaling import Autoscaler, Rules
from benchmarks.planning.pool import Machines, Pool
from benchmarks.planning.simulation import Watch
from cluster.clock import Clock
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.feed_server import feed_application

RULES = Rules(2, 20, target_ongoing_requests=2.0)


class Serve:
    """What Ray Serve's controller decides from what replicas report to it."""

    def __init__(self, rules: Rules, clock: dict[str, float]) -> None:
        self._id = DeploymentID("FeedServer", "cascade")
        self._state = DeploymentAutoscalingState(self._id)
        config = DeploymentConfig(autoscaling_config=rules.config())
        replica = ReplicaConfig.create(lambda: None)
        self._state.register(DeploymentInfo(config, replica, 0, "job"), rules.min_replicas)
        self._look_back = int(rules.look_back_period_s)
        self._series: list[deque[TimeStampedValue]] = []
        self._clock = clock

    def target(self, now: int, running: int, target: int, ongoing: float) -> int:
        """Each running replica has had so many requests in the second that ends now."""
        del self._series[running:]
        self._series += [deque(maxlen=self._look_back) for _ in range(running - len(self._series))]
        ids = [ReplicaID(str(i), self._id) for i in range(running)]
        for replica, series in zip(ids, self._series, strict=True):
            series.append(TimeStampedValue(float(now), ongoing))
            report = ReplicaMetricReport(replica, {RUNNING_REQUESTS_KEY: list(series)}, float(now))
            self._state.record_request_metrics_for_replica(report)
        self._state.update_running_replica_ids(ids)
        self._clock["now"] = now + 1.0
        return self._state.get_decision_num_replicas(target)


def load(now: int) -> float:
    """Requests that are there at once: few, many for a while, few, and at last next to none."""
    return 9.137 if now < 40 else 31.219 if now < 300 else 9.531 if now < 500 else 0.517


@pytest.mark.parametrize(
    "rules",
    [RULES, Rules(1, 12, 3.0, upscale_delay_s=0, downscale_delay_s=7, downscaling_factor=0.3, upscaling_factor=0.5)],
)
def test_it_decides_as_ray_serve_does_every_second(rules, monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr("time.time", lambda: clock["now"])
    serve, scaler, watch = Serve(rules, clock), Autoscaler(rules), Watch(700, rules.look_back_period_s)
    pool = Pool(Machines(per_node=4, replica_start_s=9.0, node_start_s=20.0), replicas=6)
    targets = []
    for now in range(700):
        running = pool.running(now)
        watch.note(now, load(now) / running)
        asked = scaler.target(now, running, pool.target, running * watch.mean(now, pool.newest(now)))
        assert asked == serve.target(now, running, pool.target, load(now) / running), f"at {now} s"
        targets.append(asked)
        pool.scale(asked, now)
    assert max(targets) > 8  # it went up,
    assert targets[-1] == rules.min_replicas  # and down


def test_the_delays_are_those_of_the_feed_server():
    settings = Settings()
    application = feed_application(settings, Clock(0), StoreUrls("redis://a", "redis://b"))
    served = application._bound_deployment._deployment_config.autoscaling_config
    serving = settings.serving
    rules = Rules(
        serving.min_replicas,
        serving.most_replicas,
        serving.target_ongoing_requests,
        downscaling_factor=serving.downscaling_factor,
    )
    factors = {"upscaling_factor", "downscaling_factor"}
    assert rules.config().model_dump(exclude=factors) == served.model_dump(exclude=factors)
    assert (rules.upscaling_factor, rules.downscaling_factor) == (
        served.get_upscaling_factor(),
        served.get_downscaling_factor(),
    )
