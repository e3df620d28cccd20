"""Weights of the utility and of the re-ranking, tuned on what people were shown: counterfactual, and offline.

The order that weights make of each list that was shown is judged by what it would have earned
(`training.evaluation.counterfactual`). Half of the people choose the weights, the other half say what they are worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from cluster.ranking_rules import rerank_rules, utility_weights
from cluster.rules import Rules
from kernels.actions import ACTIONS, BIT
from kernels.boosts import RerankPosts, nobody
from kernels.columns import F32, I16, I32, I64
from kernels.rerank import rerank
from kernels.utility import utility
from training.data.dataset import DataSet
from training.evaluation.bootstrap import Interval, difference, resample
from training.evaluation.counterfactual import DECAY, ShownLists, earned, expected, shown_lists
from training.evaluation.metrics import ByList
from training.evaluation.oracle import RELEVANCE, oracles
from training.evaluation.ranked import F64
from training.evaluation.ranking import frozen_features, predictions_of
from training.evaluation.split import Split
from training.features.log import Log
from training.models.ranker import RankerModel

#: A weight is looked for between so many times less and more than it is now.
RANGE: Final = 8.0
#: And the boost of fresh posts between these.
BOOSTS: Final = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Lists that were shown, what the ranker predicts of their rows, and what happened. N rows, H heads, A actions."""

    lists: ShownLists
    user: I32  # [N]
    author: I32  # [N]
    age_ms: I64  # [N]
    kind: I16  # [N]
    content: F32  # [N, E]
    heads: tuple[str, ...]
    predicted: F32  # [N, H]
    actions: tuple[str, ...]  # the heads that are actions
    happened: F32  # [N, A]
    truth: F32 | None  # [N, A] chance of each action, given a look, as a synthetic world knows it

    def only(self, lists: NDArray[np.bool_]) -> "Evidence":
        """The evidence of a mask [L] of lists."""
        rows = lists[self.lists.list_of]
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        truth = None if self.truth is None else self.truth[rows]
        return replace(self, lists=self.lists.only(lists), truth=truth, **columns)


_COLUMNS: Final = ("user", "author", "age_ms", "kind", "content", "predicted", "happened")


@dataclass(frozen=True, slots=True)
class Tuned:
    """Weights that were found, and what a list is worth with them, on people who had no part in finding them."""

    weights: dict[str, float]
    fresh_boost: float
    lists: int
    now: Interval  # with the present weights
    then: Interval
    gain: Interval  # the difference, paired
    truth: dict[str, float] | None  # `now`, `tuned` and `gain` as a synthetic world knows them

    @property
    def better(self) -> bool:
        """Beyond doubt."""
        return self.gain.low > 0


def evidence_of(dataset: DataSet, split: Split, model: RankerModel) -> Evidence:
    """What the test days tell. Raises CascadeError when positions are not known."""
    log = Log.load(dataset)
    rows = split.test_rows(log)
    lists = shown_lists(log, rows)
    seen = log.impressions
    of = predictions_of(model, log, rows, frozen_features(dataset, log, split, rows))
    place = np.searchsorted(rows, lists.rows)  # rows ascend, being in time order
    actions = tuple(head for head in model.heads if head in ACTIONS)
    posts, truth = seen.post[lists.rows], oracles(dataset, log, lists.rows)
    return Evidence(
        lists=lists,
        user=seen.user[lists.rows],
        author=log.posts.author[posts],
        age_ms=seen.time_ms[lists.rows] - log.posts.created_ms[posts],
        kind=log.posts.kind[posts],
        content=log.posts.content[posts],
        heads=model.heads,
        predicted=np.stack([of[head] for head in model.heads], 1)[place],
        actions=actions,
        happened=np.stack([seen.actions[lists.rows] & BIT[name] != 0 for name in actions], 1).astype(np.float32),
        truth=np.stack([truth[RELEVANCE][name] for name in actions], 1).astype(np.float32) if truth else None,
    )


def ranks(evidence: Evidence, rules: Rules) -> I64:
    """The position i64[N] at which serving's utility and rules would put each row in its list.

    Without the rules about friends, campaigns, new creators and what was shown before: they know the user of a moment.
    """
    scores = np.empty(len(evidence.predicted), np.float32)
    utility(evidence.predicted, utility_weights(rules.weights, evidence.heads), scores)
    how = rerank_rules(rules)
    none, ones = np.zeros(len(scores), np.bool_), np.ones(len(scores), np.float32)
    everything = RerankPosts(scores, evidence.author, evidence.age_ms, evidence.kind, none, ones, evidence.content)
    position = np.empty(len(scores), np.int64)
    for begin, end in pairwise(evidence.lists.starts.tolist()):
        part: list[Any] = [column[begin:end] for column in everything]
        feed = rerank(RerankPosts(*part), nobody(), how, end - begin)
        position[begin + feed.order] = np.arange(end - begin)
    return position


def value(evidence: Evidence, rules: Rules, worth: Mapping[str, float], decay: float = DECAY) -> F64:
    """What each list would have been worth as `rules` order it, float64 [L]; `worth` is that of one of each action."""
    of = earned(evidence.lists, ranks(evidence, rules), evidence.happened, decay)
    total: F64 = of @ _worth(evidence, worth)
    return total


def true_value(evidence: Evidence, rules: Rules, worth: Mapping[str, float], decay: float = DECAY) -> F64 | None:
    """As `value`, as a synthetic world knows it; None elsewhere."""
    if evidence.truth is None:
        return None
    total: F64 = expected(evidence.lists, ranks(evidence, rules), evidence.truth, decay) @ _worth(evidence, worth)
    return total


def _worth(evidence: Evidence, worth: Mapping[str, float]) -> F64:
    return np.array([worth.get(action, 0.0) for action in evidence.actions])


def tune_weights(
    evidence: Evidence, rules: Rules, worth: Mapping[str, float], trials: int, seed: int, decay: float = DECAY
) -> Tuned:
    """The best of `trials` weights by the lists of half of the users, judged by those of the others.

    The search is Optuna's TPE over the logarithm of each weight, from the present ones on; signs stay.
    """
    half = evidence.user[evidence.lists.starts[:-1]] % 2 == 0
    mine, others = evidence.only(half), evidence.only(~half)
    weighed = [head for head in evidence.heads if rules.weights.get(head)]

    def found(parameters: Mapping[str, float]) -> Rules:
        weights = {head: rules.weights[head] * parameters[head] for head in weighed}
        changed = {"weights": {**rules.weights, **weights}, "fresh_boost": parameters["fresh_boost"]}
        return rules.model_copy(update=changed)

    def objective(trial: optuna.Trial) -> float:
        parameters = {head: trial.suggest_float(head, 1 / RANGE, RANGE, log=True) for head in weighed}
        parameters["fresh_boost"] = trial.suggest_float("fresh_boost", *BOOSTS)
        return float(value(mine, found(parameters), worth, decay).mean())

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({**dict.fromkeys(weighed, 1.0), "fresh_boost": rules.fresh_boost})
    study.optimize(objective, n_trials=trials)
    return _judged(others, rules, found(study.best_params), worth, decay)


def _judged(evidence: Evidence, now: Rules, then: Rules, worth: Mapping[str, float], decay: float) -> Tuned:
    """Present and found weights on evidence that neither has seen."""
    users = evidence.user[evidence.lists.starts[:-1]].astype(np.int64)
    order = np.argsort(users, kind="stable")
    rules = {"now": now, "then": then}
    values = {name: value(evidence, how, worth, decay)[order] for name, how in rules.items()}
    drawn = resample({name: ByList.mean(of).grouped(users[order]) for name, of in values.items()})
    return Tuned(
        weights={head: round(then.weights[head], 4) for head in evidence.heads if then.weights.get(head)},
        fresh_boost=round(then.fresh_boost, 4),
        lists=len(users),
        now=Interval.of(drawn["now"]),
        then=Interval.of(drawn["then"]),
        gain=difference(drawn["then"], drawn["now"]),
        truth=_truth(evidence, now, then, worth, decay),
    )


def _truth(
    evidence: Evidence, now: Rules, then: Rules, worth: Mapping[str, float], decay: float
) -> dict[str, float] | None:
    before, after = (true_value(evidence, how, worth, decay) for how in (now, then))
    if before is None or after is None:
        return None
    return {"now": float(before.mean()), "tuned": float(after.mean()), "gain": float((after - before).mean())}
