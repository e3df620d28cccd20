"""How many replicas a deployment wants that is asked over the channel, where Ray Serve sees nothing of it."""

from typing import Any, Final

from ray.serve.config import AutoscalingContext

#: What replicas report: questions in flight, on average.
IN_FLIGHT: Final = "in_flight"


def by_questions(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """A policy of Ray Serve, which applies its delays, factors and bounds to what this answers."""
    reported = (context.aggregated_metrics or {}).get(IN_FLIGHT, {})
    if not reported:
        return context.target_num_replicas, {}
    return sum(reported.values()) / context.config.get_target_ongoing_requests(), {}
