"""When people come, for how long, and from where: the plan of a day's sessions."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import DAY_MS, HOUR_MS, I16, I32, I64
from training.data.synth.parameters import START_MS, Parameters
from training.data.synth.population import REGIONS, People, zipf

SURFACES: Final = ("home", "explore")
CONNECTIONS: Final = ("wifi", "4g", "5g")
#: A person has at most so many sessions a day; one round of the simulation plays each person's next one.
ROUNDS: Final = 6
MAX_SLOTS: Final = 30
#: Two sessions of a person lie at least so far apart.
PAUSE_MS: Final = 45 * 60 * 1000
#: Share of the day's sessions that begin in each hour: low at night, a peak at noon, a higher one in the evening.
HOURLY: Final = (20, 12, 7, 5, 5, 8, 18, 34, 44, 42, 42, 50, 66, 60, 48, 46, 50, 58, 70, 84, 96, 98, 76, 44)
WEEKEND: Final = 1.25
#: A version of the app comes out every so many days.
RELEASE_DAYS: Final = 7
FIRST_VERSION: Final = 40


class Plan(NamedTuple):
    """A day's sessions: row [u, r] is user u's r-th, in time order; unused ones begin at midnight or later."""

    begin_ms: I64  # [U, ROUNDS]
    slots: I16  # [U, ROUNDS]


class Sessions(NamedTuple):
    """S sessions of S different users."""

    user: I32  # [S]
    begin_ms: I64  # [S]
    slots: I16  # [S] posts the person would see
    surface: I16  # [S] index into SURFACES
    device: I16  # [S] index into population.DEVICES
    connection: I16  # [S] index into CONNECTIONS
    region: I16  # [S] index into population.REGIONS
    version: I16  # [S] index of the app's version


def plan_day(parameters: Parameters, people: People, day: int) -> Plan:
    """Draw how often, when and for how long each user comes on a day."""
    rng = parameters.rng("plan", day)
    shape = (len(people.taste), ROUNDS)
    weekend = WEEKEND if day % 7 >= 5 else 1.0
    sessions = np.minimum(rng.poisson(people.sessions_per_day * weekend), ROUNDS)
    edges = np.cumsum(HOURLY) / np.sum(HOURLY)
    hour = np.searchsorted(edges, rng.random(shape)) + rng.random(shape) + people.chronotype[:, None]
    unused = np.arange(ROUNDS) >= sessions[:, None]
    begin = (hour % 24 * HOUR_MS).astype(np.int64) + START_MS + day * DAY_MS
    begin = np.sort(np.where(unused, START_MS + (day + 1) * DAY_MS, begin), axis=1)
    slots = np.clip(people.slots[:, None] * rng.lognormal(0, 0.4, shape), 3, MAX_SLOTS)
    return Plan(begin, slots.astype(np.int16))


def sessions_of(rng: np.random.Generator, people: People, plan: Plan, round_: int, free_ms: I64, day: int) -> Sessions:
    """The sessions of a round: of users who come, have an account, and are free before midnight.

    `free_ms` [U]: when each user's last session ended; who would come too soon comes after a pause.
    """
    begin = np.maximum(plan.begin_ms[:, round_], free_ms + PAUSE_MS)
    planned = plan.begin_ms[:, round_] < START_MS + (day + 1) * DAY_MS
    user = np.flatnonzero(planned & (begin < START_MS + (day + 1) * DAY_MS) & (people.created_ms <= begin))
    n = len(user)
    return Sessions(
        user=user.astype(np.int32),
        begin_ms=begin[user],
        slots=plan.slots[user, round_],
        surface=(rng.random(n) < 0.25).astype(np.int16),
        device=people.device[user],
        connection=rng.choice(len(CONNECTIONS), n, p=(0.6, 0.28, 0.12)).astype(np.int16),
        region=np.where(
            rng.random(n) < 0.05, rng.choice(len(REGIONS), n, p=zipf(len(REGIONS), 0.8)), people.region[user]
        ).astype(np.int16),
        version=np.maximum(0, (day + 2 * RELEASE_DAYS - people.update_lag_days[user]) // RELEASE_DAYS).astype(np.int16),
    )


def versions(days: int) -> tuple[str, ...]:
    """Names of the app's versions out in a world of so many days, oldest first."""
    return tuple(f"{FIRST_VERSION + i}.0" for i in range(days // RELEASE_DAYS + 3))


def take(sessions: Sessions, rows: NDArray[np.integer] | slice) -> Sessions:
    """Some of the sessions."""
    return Sessions._make(column[rows] for column in sessions)
