"""Training of the pre-ranker: gradient-boosted trees by XGBoost on Ray Train, written as a `Forest` too."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import xgboost
from ray.train.xgboost import XGBoostTrainer

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
    threads: int = 2
    checkpoint_trees: int = 25
    seed: int = 1
    workers: int = 1

    @property
    def parameters(self) -> dict[str, Any]:
        """XGBoost's own names. Randomness depends on the tree's number alone, so a resumed run equals another."""
        return {
            "objective": "binary:logistic",  # takes grades between 0 and 1 as they are
            "tree_method": "hist",
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "min_child_weight": self.leaf_weight,
            "subsample": self.row_share,
            "colsample_bytree": self.column_share,
            "nthread": self.threads,
            "seed": self.seed,
            "seed_per_iteration": True,
            "verbosity": 1,
        }


def train_prerank(step: Step, examples: Sequence[Path]) -> Metrics:
    """Train on all files of `examples` but the last; write `prerank.ubj` and `prerank.npz` into `step.folder`.

    `examples` are one Parquet file a day, oldest first, at least two; the last one is measured on. The step's
    config is a PrerankTraining.
    """
    *train, valid = examples
    state = ray_train.fit(
        XGBoostTrainer,
        step,
        _loop,
        {"how": step.config},
        {"train": ray_train.parquet(train, COLUMNS), "valid": ray_train.parquet([valid], COLUMNS)},
        workers=step.config.workers,
    )
    booster = _booster(state)
    booster.save_model(step.folder / "prerank.ubj")
    save_forest(forest_from_xgboost(booster), step.folder / "prerank.npz")
    return {"trees": booster.num_boosted_rounds(), "loss": state["loss"], "valid": state["valid"]}


def _loop(config: dict[str, Any]) -> None:
    how: PrerankTraining = config["how"]
    x, actions = _read("train")
    train = xgboost.QuantileDMatrix(x, grades(actions), feature_names=list(NAMES), nthread=how.threads)
    x, actions = _read("valid")
    valid = xgboost.QuantileDMatrix(x, grades(actions), feature_names=list(NAMES), ref=train, nthread=how.threads)
    state = ray_train.saved() or {"loss": [], "booster": None}
    before = None if state["booster"] is None else _booster(state)
    done = 0 if before is None else before.num_boosted_rounds()
    if done < how.trees:
        xgboost.train(
            how.parameters,
            train,
            how.trees - done,
            evals=[(train, "train"), (valid, "valid")],
            xgb_model=before,
            callbacks=[_Checkpoint(config, state["loss"], valid, (actions & BIT["long_view"]) != 0)],
            verbose_eval=False,
        )


class _Checkpoint(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Tells the progress after each tree, and saves a checkpoint now and then and at the end."""

    def __init__(self, config: dict[str, Any], loss: list[Any], valid: xgboost.DMatrix, long_view: Any) -> None:
        super().__init__()
        self.config, self.loss, self.valid, self.long_view = config, loss, valid, long_view

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict[str, Any]) -> bool:
        how: PrerankTraining = self.config["how"]
        done = model.num_boosted_rounds()
        losses = [done, *(evals_log[name]["logloss"][-1] for name in ("train", "valid"))]
        self.loss.append(losses)
        ray_train.tell(self.config, done, how.trees, f"loss {losses[1]:.4f}, held-out day {losses[2]:.4f}")
        if done % how.checkpoint_trees == 0 or done == how.trees:
            raw = torch.frombuffer(bytearray(model.save_raw("ubj")), dtype=torch.uint8)
            measured = {"rows": len(self.long_view), "logloss": losses[2], "auc_long_view": self._auc(model)}
            ray_train.save({"booster": raw, "loss": self.loss, "valid": measured}, {"trees": done})
        return False

    def _auc(self, model: xgboost.Booster) -> float:
        return auc(self.long_view, model.predict(self.valid))


def _read(name: str) -> tuple[F32, Any]:
    batches = list(ray_train.batches(name, _READ))
    return np.concatenate([b["x"] for b in batches]), np.concatenate([b["actions"] for b in batches])


def _booster(state: dict[str, Any]) -> xgboost.Booster:
    return xgboost.Booster(model_file=bytearray(state["booster"].numpy().tobytes()))
