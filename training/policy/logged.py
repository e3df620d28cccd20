"""What serving logged of its bandit, and what it tells of other policies: off-policy estimates without any truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.decisions import SCHEMA
from cluster.errors import CascadeError
from kernels.arms import F64
from training.evaluation.bootstrap import Interval
from training.policy.estimators import Estimates, ips, off_policy
from training.policy.play import Always, Decisions, Even, Policy, linucb, thompson

#: Fewer decisions than this say nothing.
LEAST: Final = 20


@dataclass(frozen=True, slots=True)
class LoggedJudged:
    decisions: int  # that were judged by
    sources: tuple[str, ...]
    served: Interval  # what was served earned
    estimates: dict[str, Estimates]


def judge_logged(folder: Path) -> LoggedJudged:
    """Policies by the later half of the decisions in `folder`; those that learn have learned on the earlier half.

    Raises CascadeError when there are too few.
    """
    sources, log = logged_decisions(folder)
    half = len(log.arm) // 2
    early, late = log.part(slice(0, half)), log.part(slice(half, None))
    arms, dims = log.allowed.shape[1], log.x.shape[1]
    policies: dict[str, Policy] = {"LinUCB": linucb(arms=arms, dims=dims), "Thompson": thompson(arms=arms, dims=dims)}
    policies |= {"random mix": Even()} | {f"always {name}": Always(a) for a, name in enumerate(sources)}
    estimates = {}
    for name, policy in policies.items():
        policy.learn(early.x, early.arm, early.reward)
        estimates[name] = off_policy(late, policy.chances(late.x, late.allowed))
    return LoggedJudged(len(late.arm), sources, ips(np.ones(len(late.arm)), late.reward, late.user), estimates)


def logged_decisions(folder: Path) -> tuple[tuple[str, ...], Decisions]:
    """The sources, and all decisions among exactly these, oldest first. Raises CascadeError when there are too few.

    Decisions do not say whose they were, so each counts as another user's.
    """
    files = sorted(folder.glob("*.parquet"), key=lambda path: [int(part) for part in path.stem.split("-")])
    table = pa.concat_tables([pq.read_table(path, schema=SCHEMA) for path in files]) if files else SCHEMA.empty_table()
    rows = table.to_pylist()
    if rows:
        arms, dims = rows[-1]["arms"], len(rows[-1]["context"])
        rows = [row for row in rows if row["arms"] == arms and len(row["context"]) == dims]
    if len(rows) < LEAST:
        raise CascadeError(
            f"{folder} holds {len(rows)} decisions of one kind, and {LEAST} are needed",
            "serve with `bandit.enabled`, and wait until people have acted",
        )
    chances, x = (np.array([row[name] for row in rows], np.float64) for name in ("chances", "context"))
    arm = np.array([row["favoured"] for row in rows])
    every = np.arange(len(rows))
    reward: F64 = np.array([row["reward"] for row in rows], np.float64)
    return tuple(arms), Decisions(every, x, chances > 0, arm, chances[every, arm], reward)
