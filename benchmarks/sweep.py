"""Goodput: the highest offered rate that still meets the objective, by doubling and then bisection."""

import math
from collections.abc import Awaitable, Callable
from typing import Final

#: Measures one rate (requests/s) and tells whether it met the objective.
Measure = Callable[[float], Awaitable[bool]]

#: Ratio of the lowest failing to the highest passing rate at which the search ends.
PRECISION: Final = 1.05
LOWEST: Final = 1.0
HIGHEST: Final = 100_000.0


async def find_goodput(measure: Measure, start: float = 50.0) -> float:
    """The highest whole rate that passed, within 5 % of one that failed; 0 when even 1 request/s fails.

    Doubles from `start` while rates pass, or halves while they fail, then bisects by ratio. No rate is measured twice.
    Assumes that a rate above a failing one fails too.
    """
    passed, failed = 0.0, math.inf
    rate: float | None = start
    while rate is not None:
        if await measure(rate):
            passed = rate
        else:
            failed = rate
        rate = _next_rate(passed, failed)
    return passed


def _next_rate(passed: float, failed: float) -> float | None:
    if failed == math.inf:
        return passed * 2 if passed * 2 <= HIGHEST else None
    if passed == 0:
        return failed // 2 if failed // 2 >= LOWEST else None
    middle = round(math.sqrt(passed * failed))
    return middle if failed / passed > PRECISION and passed < middle < failed else None
