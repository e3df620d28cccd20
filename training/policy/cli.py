"""`cascade evaluate policy`: bandits over sources and in the exploration slot, and off-policy estimates of them."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from cluster.errors import InvalidField
from cluster.settings import load_settings
from training.data.ensure import ensure_dataset
from training.evaluation.held_out import Json, Seed
from training.policy.logged import judge_logged
from training.policy.posts import try_posts
from training.policy.report import document, logged_document, logged_table, tables
from training.policy.sources import try_sources


def policy(
    *,
    data: Annotated[Path | None, Parameter(help="A synthetic data set; default: that of the settings.")] = None,
    decisions: Path | None = None,
    impressions: int = 100_000,
    epsilon: float = 0.1,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Try bandits over sources and in the exploration slot of a synthetic world, where the truth is known.

    LinUCB and Thompson sampling beside epsilon-greedy, a random mix, the best source and the oracle; then what IPS,
    SNIPS and doubly robust estimates tell of a policy from what another one did.

    Parameters
    ----------
    decisions
        Instead, judge policies by the decisions that a feed server logged, a folder like `var/archive/decisions`.
    impressions
        Slots that are learned on; the estimates have as many others.
    epsilon
        Share of its choices that epsilon-greedy makes at random.
    """
    if impressions < 1:
        raise InvalidField("--impressions", impressions, "must be 1 or more")
    if not 0 < epsilon <= 1:
        raise InvalidField("--epsilon", epsilon, "must be above 0, so that every choice has a chance, and at most 1")
    if decisions is not None:
        found = judge_logged(decisions)
        if json:
            sys.stdout.write(msgspec.json.encode(logged_document(found)).decode() + "\n")
        else:
            Console().print(logged_table(found))
        return
    dataset = ensure_dataset(load_settings(), data)
    sources = try_sources(dataset, impressions, seed, epsilon)
    posts = try_posts(dataset, impressions, seed, epsilon)
    facts = {"impressions": impressions, "epsilon": epsilon, "seed": seed}
    if json:
        sys.stdout.write(msgspec.json.encode(document(facts, sources, posts)).decode() + "\n")
        return
    for table in tables(facts, sources, posts):
        Console().print(table)
