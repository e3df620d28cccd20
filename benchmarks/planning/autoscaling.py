"""Ray Serve's autoscaling, by Ray's own functions on a clock of ours.

Serve's controller asks the policy of a deployment (`ray.serve.autoscaling_policy`, Ray 2.60) for

    desired = running replicas x (ongoing requests / (target_ongoing_requests x running replicas))

where ongoing requests are the mean over `look_back_period_s` of what the running replicas report, from the moment on at
which the newest of them has reported. What differs from the target for `upscale_delay_s` or `downscale_delay_s` without
a break becomes the target, within `min_replicas` and `max_replicas`.
"""

from dataclasses import asdict, dataclass
from typing import Any

from ray.serve.autoscaling_policy import (
    _apply_delay_logic,
    _apply_scaling_factors,
    replica_queue_length_autoscaling_policy,
)
from ray.serve.config import AutoscalingConfig, AutoscalingContext


@dataclass(frozen=True, slots=True)
class Rules:
    """Of a deployment's `autoscaling_config`; the delays are those of `deployments/feed_server.py`."""

    min_replicas: int
    max_replicas: int
    target_ongoing_requests: float
    upscale_delay_s: float = 3.0
    downscale_delay_s: float = 60.0
    look_back_period_s: float = 30.0
    upscaling_factor: float = 1.0
    downscaling_factor: float = 1.0

    def config(self) -> AutoscalingConfig:
        return AutoscalingConfig(**asdict(self))


class Autoscaler:
    """Decides how many replicas there are to be."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._config = rules.config()
        self._state: dict[str, Any] = {}

    def target(self, now: float, running: int, target: int, ongoing: float) -> int:
        """The next target at `now` seconds, from the running replicas, the present target and all ongoing requests."""
        context = AutoscalingContext(
            deployment_id=None,
            deployment_name="FeedServer",
            app_name=None,
            current_num_replicas=running,
            target_num_replicas=target,
            running_replicas=[],
            total_num_requests=ongoing,
            total_queued_requests=None,
            aggregated_metrics=None,
            raw_metrics=None,
            capacity_adjusted_min_replicas=self._rules.min_replicas,
            capacity_adjusted_max_replicas=self._rules.max_replicas,
            policy_state=self._state,
            last_scale_up_time=None,
            last_scale_down_time=None,
            current_time=now,
            config=self._config,
        )
        desired, _ = replica_queue_length_autoscaling_policy(context)
        scaled = _apply_scaling_factors(desired, running, self._config)
        decided: int
        decided, self._state = _apply_delay_logic(max(0, scaled), target, self._config, self._state, now)
        return max(self._rules.min_replicas, min(self._rules.max_replicas, decided))
