"""Training of the pre-ranker: gradient-boosted trees by XGBoost on Ray Train, written as a `Forest` too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.dataset as ds
import torch
import xgboost
from ray.train.xgboost import XGBoostTrainer

from cluster.errors import CascadeError
from kernels.actions import BIT
from kernels.columns import F32
from kernels.features import NAMES
from training.evaluation.metrics import auc
from training.models.forest import forest_from_xgboost, save_forest
from training.models.prerank import grades
from training.train import ray_train
from training.train.steps import Metrics, Step

COLUMNS: Final = ("x", "actions")
_READ: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class PrerankTraining:
    """How the pre-ranker is trained."""

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
        return {
            "objective": "binary:logistic",  # takes grades between 0 and 1 as they are
            "tree_method": "hist",
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "min_child_weight": self.leaf_weight,
            "subsample": self.row_share,
            "colsample_bytree": self.column_share,
            "nthread": self.threads,
            "verbosity": 1,
        }


def train_prerank(step: Step, examples: Sequence[Path]) -> Metrics:
    """Train on all files of `examples` but the last; write `prerank.ubj` and `prerank.npz` into `step.folder`.

    `examples` are one Parquet file a day, oldest first, at least two; the last one is measured on. The step's
    config is a PrerankTraining. Raises CascadeError when all impressions are worth the same.
    """
    *train, valid = examples
    _check(train)
    state = ray_train.fit(
        XGBoostTrainer,
        step,
        _loop,
        {"how": step.config},
        {"train": ray_train.parquet(train, COLUMNS), "valid": ray_train.parquet([valid], COLUMNS)},
    )
    booster = _booster(state)
    booster.save_model(step.folder / "prerank.ubj")
    save_forest(forest_from_xgboost(booster), step.folder / "prerank.npz")
    return {"trees": booster.num_boosted_rounds(), "loss": state["loss"], "valid": state["valid"]}


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
    x, actions = _read("train")
    train = xgboost.QuantileDMatrix(x, grades(actions), feature_names=list(NAMES), nthread=how.threads)
    x, actions = _read("valid")
    valid = xgboost.QuantileDMatrix(x, grades(actions), feature_names=list(NAMES), ref=train, nthread=how.threads)

    def follow(trees: int, loss: float, valid_loss: float) -> None:
        word = f"loss {loss:.4f}, held-out day {valid_loss:.4f}"
        ray_train.tell(config, trees, how.trees, word, trees, loss=loss, valid_loss=valid_loss)

    for state in boost(how, train, valid, ray_train.saved(), follow):
        score = auc((actions & BIT["long_view"]) != 0, _booster(state).predict(valid))
        measured = {"rows": len(actions), "auc_long_view": score}
        ray_train.save({**state, "valid": measured}, {"trees": state["trees"]})


def boost(
    how: PrerankTraining,
    train: xgboost.DMatrix,
    valid: xgboost.DMatrix,
    state: dict[str, Any] | None,
    follow: Callable[[int, float, float], None],
) -> Iterator[dict[str, Any]]:
    """Train in parts, on from `state`; yields the state after each: booster, trees, and the loss after each tree.

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
            xgb_model=_booster(state) if state["trees"] else None,
            callbacks=[_Follow(losses, follow)],
            verbose_eval=False,
        )
        raw = torch.frombuffer(booster.save_raw("ubj"), dtype=torch.uint8)
        state = {"booster": raw, "trees": booster.num_boosted_rounds(), "loss": losses}
        yield state


class _Follow(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Notes the loss after each tree, on the training rows and on the held-out day."""

    def __init__(self, losses: list[list[float]], follow: Callable[[int, float, float], None]) -> None:
        super().__init__()
        self.losses, self.follow = losses, follow

    def after_iteration(self, model: xgboost.Booster, _epoch: int, evals_log: dict[str, Any]) -> bool:
        trees = model.num_boosted_rounds()
        train, valid = (float(evals_log[name]["logloss"][-1]) for name in ("train", "valid"))
        self.losses.append([trees, train, valid])
        self.follow(trees, train, valid)
        return False


def _read(name: str) -> tuple[F32, Any]:
    batches = list(ray_train.batches(name, _READ))
    return np.concatenate([b["x"] for b in batches]), np.concatenate([b["actions"] for b in batches])


def _booster(state: dict[str, Any]) -> xgboost.Booster:
    return xgboost.Booster(model_file=bytearray(state["booster"].numpy().tobytes()))
