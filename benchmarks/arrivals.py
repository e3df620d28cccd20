"""When requests are meant to be sent: a Poisson process, fixed before the run by its seed."""

import numpy as np
from numpy.typing import NDArray


def poisson(rate: float, start: float, stop: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Arrival times in [start, stop), in seconds, ascending, float64[round(rate * (stop - start))].

    Given how many arrivals a Poisson process has in an interval, their times are independent and uniform there
    (Kingman, Poisson Processes, 1993, section 2.4). Fixing the count makes the offered rate exact, so that points of
    a sweep do not differ by the luck of the draw.
    """
    return np.sort(rng.uniform(start, stop, round(rate * (stop - start))))
