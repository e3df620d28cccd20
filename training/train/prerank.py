"""Training of the pre-ranker: gradient-boosted trees by XGBoost on Ray Train, written as a `Forest` too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow.dataset as ds
import torch
import xgboost
from ray.train.xgboost import XGBoostTrainer

from cluster.errors import CascadeError
from kernels.actions import BIT
from kernels.columns import F32, I64, U16
from kernels.features import NAMES
from training.evaluation.metrics import auc
from training.models.forest import forest_from_xgboost, save_forest
from training.models.prerank import grades
from training.train import ray_train
from training.train.run import Judge, Parquet, Run
from training.train.steps import Metrics, Step

COLUMNS: Final = ("x", "actions", "user_row", "day")
_READ: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class PrerankTraining:
    """How the pre-ranker is trained.

    `logistic` learns each impression's grade; `lambdamart` the order of what a user was shown on a day, by nDCG
    (Burges, "From RankNet to LambdaRank to LambdaMART", 2010).
    """

    objective: Literal["logistic", "lambdamart"] = "logistic"
    trees: int = 100
    depth: int = 6
    learning_rate: float = 0.1
    #: Least sum of second derivatives in a leaf: about four times as many rows.
    leaf_weight: float = 50.0
    row_share: float = 0.8  # rows, and
    column_share: float = 0.6  # columns that a tree sees
    threads: int = 2  # of each worker
    checkpoint_trees: int = 25
    seed: int = 1

    @property
    def parameters(self) -> dict[str, Any]:
        """XGBoost's own names."""
        # Both take grades between 0 and 1 as they are.
        own: dict[str, Any] = {"objective": "binary:logistic", "eval_metric": "logloss"}
        if self.objective == "lambdamart":
            own = {"objective": "rank:ndcg", "eval_metric": "ndcg", "ndcg_exp_gain": False}
        return {
            **own,
            "tree_method": "hist",
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "min_child_weight": self.leaf_weight,
            "subsample": self.row_share,
            "colsample_bytree": self.column_share,
            "nthread": self.threads,
            "verbosity": 1,
        }


def train_prerank(step: Step, examples: Sequence[Path], judge: Judge | None = None) -> Metrics:
    """Train on all files of `examples` but the last; write `prerank.ubj` and `prerank.npz` into `step.folder`.

    `examples` are one Parquet file a day, oldest first, at least two; the last one is measured on, by `judge` too if
    there is one, after each checkpoint. The step's config is a PrerankTraining. Raises CascadeError when all
    impressions are worth the same.
    """
    *train, valid = examples
    _check(train)
    state = ray_train.fit(
        XGBoostTrainer,
        step,
        _loop,
        {"how": step.config, "judge": judge},
        {"train": Parquet(train, COLUMNS), "valid": Parquet([valid], COLUMNS)},
    )
    booster = booster_of(state)
    booster.save_model(step.folder / "prerank.ubj")
    save_forest(forest_from_xgboost(booster), step.folder / "prerank.npz")
    measured = {step.config.parameters["eval_metric"]: state["loss"]}
    return {"trees": booster.num_boosted_rounds(), **measured, "valid": state["valid"]}


def _check(files: Sequence[Path]) -> None:
    batches = ds.dataset([str(file) for file in files]).to_batches(columns=["actions"])
    worth = np.unique(np.concatenate([np.unique(grades(batch["actions"].to_numpy())) for batch in batches]))
    if len(worth) < 2:
        raise CascadeError(
            f"there is nothing to choose by: all training rows have the grade {worth[0]:g}",
            "train on more days, or import columns of actions that some impressions got and others did not",
        )


def _loop(config: dict[str, Any]) -> None:
    how: PrerankTraining = config["how"]
    run: Run = config["run"]
    judge: Judge | None = config["judge"]
    metric = how.parameters["eval_metric"]
    train = matrix(_read(run, "train"), how)
    rows = _read(run, "valid")
    valid = matrix(rows, how, train)

    def follow(trees: int, loss: float, valid_loss: float) -> None:
        word = f"{metric} {loss:.4f}, held-out day {valid_loss:.4f}"
        run.tell(trees, how.trees, word, trees, loss=loss, valid_loss=valid_loss)

    for state in boost(how, train, valid, run.saved(), follow):
        scores = booster_of(state).predict(valid)
        measured = {"rows": len(rows.actions), "auc_long_view": auc((rows.actions & BIT["long_view"]) != 0, scores)}
        if judge is not None:
            run.tell(state["trees"], how.trees, "judged", state["trees"], **{judge.name: judge(scores)})
        run.save({**state, "valid": measured}, {"trees": state["trees"]})


def boost(
    how: PrerankTraining,
    train: xgboost.DMatrix,
    valid: xgboost.DMatrix,
    state: dict[str, Any] | None,
    follow: Callable[[int, float, float], None],
) -> Iterator[dict[str, Any]]:
    """Train in parts, on from `state`; yields the state after each: booster, trees, and the metric after each tree.

    XGBoost's random numbers cannot be saved. Each part starts from a saved booster and with a seed of its own, in a
    run that goes through as in one that was resumed, so both end with the same trees.
    """
    state = state or {"booster": None, "trees": 0, "loss": []}
    while state["trees"] < how.trees:
        losses = list(state["loss"])
        booster = xgboost.train(
            how.parameters | {"seed": how.seed + state["trees"]},
            train,
            min(how.checkpoint_trees, how.trees - state["trees"]),
            evals=[(train, "train"), (valid, "valid")],
            xgb_model=booster_of(state) if state["trees"] else None,
            callbacks=[_Follow(how.parameters["eval_metric"], losses, follow)],
            verbose_eval=False,
        )
        raw = torch.frombuffer(booster.save_raw("ubj"), dtype=torch.uint8)
        state = {"booster": raw, "trees": booster.num_boosted_rounds(), "loss": losses}
        yield state


class _Follow(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Notes the metric after each tree, on the training rows and on the held-out day."""

    def __init__(self, metric: str, losses: list[list[float]], follow: Callable[[int, float, float], None]) -> None:
        super().__init__()
        self.metric, self.losses, self.follow = metric, losses, follow

    def after_iteration(self, model: xgboost.Booster, _epoch: int, evals_log: dict[str, Any]) -> bool:
        trees = model.num_boosted_rounds()
        train, valid = (float(evals_log[name][self.metric][-1]) for name in ("train", "valid"))
        self.losses.append([trees, train, valid])
        self.follow(trees, train, valid)
        return False


class Rows(NamedTuple):
    """N examples, those of a list one after the other."""

    x: F32  # [N, F]
    actions: U16  # [N]
    lists: I64  # [N] numbers that do not fall; what a user was shown on a day

    @classmethod
    def of(cls, x: F32, actions: U16, user_row: Any, day: Any) -> "Rows":
        order = np.lexsort((user_row, day))
        new = np.diff(day[order], prepend=-1).astype(bool) | np.diff(user_row[order], prepend=-1).astype(bool)
        return cls(x[order], actions[order], np.cumsum(new))


def matrix(rows: Rows, how: PrerankTraining, like: xgboost.DMatrix | None = None) -> xgboost.QuantileDMatrix:
    """Rows as XGBoost takes them; `like`: the matrix whose bins are used."""
    lists = rows.lists if how.objective == "lambdamart" else None
    labels = grades(rows.actions)
    return xgboost.QuantileDMatrix(rows.x, labels, qid=lists, feature_names=list(NAMES), ref=like, nthread=how.threads)


def _read(run: Run, name: str) -> Rows:
    parts = list(run.batches(name, _READ))
    return Rows.of(*(np.concatenate([part[column] for part in parts]) for column in COLUMNS))


def booster_of(state: dict[str, Any]) -> xgboost.Booster:
    return xgboost.Booster(model_file=bytearray(state["booster"].numpy().tobytes()))
