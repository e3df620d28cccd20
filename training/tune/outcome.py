"""What came out of a search: every trial, and the best of those that came to their end."""

from typing import Any, Final

from ray import tune

from cluster.errors import CascadeError
from training.train.steps import Metrics

#: What became of a trial.
ENDED: Final = "ended"
STOPPED: Final = "stopped"
FAILED: Final = "failed"


def outcome(results: tune.ResultGrid, objective: str, start: dict[str, Any]) -> Metrics:
    """`best` and `trials`, best first: values, the objective, epochs, seconds, what became of it, and why.

    `before` is the trial that the search began with, whose values are `start`. Raises CascadeError when none ended
    well.
    """
    trials = [_told(result, objective, list(start)) for result in results]
    ended = [told for told in trials if told["became"] == ENDED]
    if not ended:
        why = next((told["why"] for told in trials if told["why"]), "no trial told anything")
        raise CascadeError(f"no trial ended well: {why}", "see the trials' words; another recipe may do better")
    ranked = sorted(trials, key=lambda told: (told["became"] == ENDED, told[objective]), reverse=True)
    return {
        "objective": objective,
        "before": next(told for told in trials if told["values"] == start),
        "best": max(ended, key=lambda told: told[objective]),
        "trials": ranked,
    }


def _told(result: Any, objective: str, names: list[str]) -> dict[str, Any]:
    metrics = result.metrics or {}
    why = metrics.get("failed") or (str(result.error) if result.error else None)
    ended = metrics.get("ended", False)
    return {
        "values": {name: result.config[name] for name in names},
        objective: metrics.get(objective, 0.0),
        "epochs": metrics.get("training_iteration", 0) - ended,
        "seconds": round(metrics.get("time_total_s", 0.0), 1),
        "became": FAILED if why else ENDED if ended else STOPPED,
        "why": why,
    }
