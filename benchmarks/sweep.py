"""Goodput: the highest offered rate that still meets the objective, by ratio and then bisection."""

import math
from collections.abc import Awaitable, Callable
from typing import Final

#: Measures one rate (requests/s) and tells whether it met the objective.
Measure = Callable[[float], Awaitable[bool]]

#: Ratio of one rate to the next until the goodput lies between two.
STEP: Final = 2.0
#: Ratio of the lowest failing to the highest passing rate at which the search ends.
PRECISION: Final = 1.05
LOWEST: Final = 1.0
HIGHEST: Final = 100_000.0


async def find_goodput(
    measure: Measure, start: float = 50.0, step: float = STEP, precision: float = PRECISION
) -> float:
    """The highest whole rate that passed, within `precision` of one that failed; 0 when even 1 request/s fails.

    Goes up from `start` by `step` while rates pass, or down while they fail, then bisects by ratio. No rate is measured
    twice. Assumes that a rate above a failing one fails too.
    """
    passed, failed = 0.0, math.inf
    rate: float | None = start
    while rate is not None:
        if await measure(rate):
            passed = rate
        else:
            failed = rate
        rate = _next_rate(passed, failed, step, precision)
    return passed


def _next_rate(passed: float, failed: float, step: float, precision: float) -> float | None:
    if failed == math.inf:
        higher = math.ceil(passed * step)
        return higher if higher <= HIGHEST else None
    if passed == 0:
        lower = math.floor(failed / step)
        return lower if lower >= LOWEST else None
    middle = round(math.sqrt(passed * failed))
    return middle if failed / passed > precision and passed < middle < failed else None
