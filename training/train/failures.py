"""What ends a run, and what is said about it."""

import math
from typing import Any

import ray.train

from cluster.errors import CascadeError
from training.train.steps import Step


class Diverged(Exception):
    """Training went where no checkpoint leads back from: the same steps would lead there again."""


def finite(loss: float, place: str) -> float:
    """`loss`. Raises Diverged, naming the place, when it is not a number that one can learn from."""
    if not math.isfinite(loss):
        raise Diverged(f"the loss is {loss} at {place}")
    return loss


class StopWhenDiverged(ray.train.UserCallback):  # type: ignore[misc]
    """Spares a run that diverged its retries."""

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:  # noqa: ARG002
        for error in worker_exceptions.values():
            if isinstance(_inner(error), Diverged):
                raise _inner(error)


def explained(error: ray.train.TrainingFailedError, step: Step) -> CascadeError:
    """What the first failed worker, or else Ray, says, and what to do."""
    failures = [getattr(error, "controller_failure", None), *getattr(error, "worker_failures", {}).values(), error]
    cause = _inner(next(failure for failure in failures if failure is not None))
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    place = step.placement.storage or step.runs
    if isinstance(cause, Diverged):
        remedy = f"the checkpoints before it are in {place}; a recipe with a lower learning rate may do better"
    else:
        remedy = f"see {place}; run the command again to resume"
    return CascadeError(f"training {step.name} failed: {lines[-1]}", remedy)


def _inner(error: Exception) -> Exception:
    """What Ray Train has wrapped."""
    inner: Exception = getattr(error, "_base_exc", None) or getattr(error, "cause", None) or error
    return inner
