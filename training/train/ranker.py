"""Training of the multi-task ranker on Ray Train.

The network learns what is to be added to the wide part, which is fitted before. The last day of the examples is not
trained on: it tells when to stop, and calibrates the heads.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from numpy.typing import NDArray
from ray.train.torch import TorchTrainer

from cluster.errors import CascadeError
from kernels.columns import F32
from kernels.features import NAMES
from training.evaluation.calibration import calibration_ratio, expected_calibration_error
from training.evaluation.metrics import auc, log_loss
from training.models.calibration import platt, smearing
from training.models.ranker import WATCH, RankerConfig, read_ranker, save_ranker, to_predictions
from training.models.ranker_network import RankerNetwork, Shape
from training.train import ray_train
from training.train.ranker_learner import Learner, RankerTraining
from training.train.ranker_losses import correction
from training.train.ranker_rows import COLUMNS, Rows, rows_of, thinned
from training.train.ranker_survey import Survey, survey_of
from training.train.run import Judge, Parquet, Run
from training.train.steps import Metrics, Step
from training.train.warm_start import Earlier, carried_over
from training.train.wide import WidePart

#: Rows read at a time.
_READ = 1 << 16
#: The head that is judged.
JUDGED = "long_view"
#: Steps between two words on the progress.
_TOLD = 20


def train_ranker(
    step: Step,
    examples: Sequence[Path],
    users: int,
    posts: int,
    wide: WidePart,
    earlier: Earlier | None = None,
    judge: Judge | None = None,
) -> Metrics:
    """Train on all files of `examples` but the last and write the model into `step.folder`.

    Args:
        step: its config is a RankerTraining.
        examples: one Parquet file of examples a day, oldest first, at least two.
        users, posts: U and P, the number of rows in the log.
        wide: as fitted to the same examples.
        earlier: the ranker of an earlier day, whose weights and inputs this one starts with.
        judge: measures the scores of long views of the last file's rows after each epoch.

    Raises: CascadeError when there is nothing to learn from, or the loss is not finite.
    """
    *train, valid = examples
    survey = survey_of(train, users, posts)
    if not survey.heads:
        raise CascadeError(
            "there is nothing to rank by: in all training rows each action was always done, never done, or is unknown",
            "train on more days, or import columns of actions that some impressions got and others did not",
        )
    if judge is not None and JUDGED not in survey.heads:
        raise CascadeError(f"no head for {JUDGED} to judge by, only {list(survey.heads)}", "train on more days")
    survey, old = (survey, {}) if earlier is None else _as_before(survey, earlier)
    how: RankerTraining = step.config
    shape = Shape(users, posts, len(survey.inputs.numbers), sum(survey.inputs.sizes), len(survey.heads))
    shape = shape._replace(trunk=how.trunk, width=how.width, experts=how.experts)
    with torch.device("meta"):
        fresh = RankerNetwork(shape).state_dict()
    start = None if earlier is None else ray.put(carried_over(fresh, old, earlier))
    loop_config = {"how": how, "shape": shape, "inputs": survey.inputs, "heads": survey.heads, "wide": wide}
    state = ray_train.fit(
        TorchTrainer,
        step,
        _loop,
        {**loop_config, "start": start, "judge": judge},
        {"train": Parquet(train, COLUMNS), "valid": Parquet([valid], COLUMNS)},
    )
    weights = {name: weight.numpy() for name, weight in state["best"].items()}
    weights["trunk.heads.bias"] += correction(survey.heads, how.negative_share).numpy()
    forget_untrained(weights, survey)
    scale, shift = zip(*state["calibration"], strict=True)
    config = RankerConfig(survey.heads, NAMES, survey.inputs, tuple(scale), tuple(shift), wide.sizes, how.trunk)
    del weights["position.weight"]
    save_ranker(step.folder, config, weights | wide.served)
    warm = earlier.date if earlier is not None and old else None
    return {"heads": survey.heads, "shape": shape._asdict(), "started_from": warm, **state["history"]}


def _as_before(survey: Survey, earlier: Earlier) -> tuple[Survey, dict[str, NDArray[Any]]]:
    """The survey with the inputs of an earlier ranker, and its weights; none if it has other heads."""
    config, weights = read_ranker(earlier.folder)
    return (survey._replace(inputs=config.inputs), weights) if config.heads == survey.heads else (survey, {})


def forget_untrained(weights: dict[str, NDArray[Any]], survey: Survey) -> None:
    """Give users and posts without a training row what "unknown" has learned, in place."""
    for table, seen in (("user", survey.users), ("post", survey.posts)):
        weights[f"{table}.weight"][1:][~seen] = weights[f"{table}.weight"][0]


def _loop(config: dict[str, Any]) -> None:
    """One worker: resume, train epoch by epoch, stop when the held-out day gets worse, calibrate the best epoch."""
    how: RankerTraining = config["how"]
    run: Run = config["run"]
    torch.set_num_threads(how.threads)
    torch.use_deterministic_algorithms(run.on_cpu)
    torch.manual_seed(how.seed)  # the same first weights on every worker
    network = RankerNetwork(config["shape"])
    if config["start"] is not None:
        network.load_state_dict(ray.get(config["start"]), strict=False)
    network.shift(-correction(config["heads"], how.negative_share))  # to the odds of the rows that it will see
    learner = Learner(network, run.prepared(network), config["wide"], config["heads"], how)
    torch.manual_seed(how.seed + 1 + run.rank)  # own hidden ids and dropout
    inputs, heads, sizes = config["inputs"], config["heads"], config["wide"].sizes
    train = rows_of(run.batches("train", _READ), inputs, heads, sizes)
    train = thinned(train, heads, how.negative_share, how.seed)
    valid = rows_of(run.batches("valid", _READ), inputs, heads, sizes, held_out=True)
    epochs = _Epochs(learner, train, valid, config)
    state = run.saved()
    if state is None:
        history = {"loss": [], "epochs": [], "seconds": 0.0, "resumed_at": []}
        state = {"epoch": 0, "step": 0, "best": {}, "best_loss": float("inf"), "calibration": [], "history": history}
        epochs.validate(state)  # the wide part alone
    else:
        learner.restore(state["learner"])
        if run.rank > 0:  # the checkpoint holds the random state of the first worker
            torch.manual_seed(how.seed + 1 + run.rank + 1000 * (state["epoch"] * state["steps"] + state["step"]))
        # With other workers than before, an epoch may have another number of steps.
        state["step"] = state["step"] * epochs.steps // state["steps"]
        state["history"]["resumed_at"].append([state["epoch"], state["step"]])
    epochs.go(state)


class _Epochs:
    """The epochs of one worker, from wherever a checkpoint left off."""

    def __init__(self, learner: Learner, train: Rows, valid: Rows, config: dict[str, Any]) -> None:
        self.learner, self.train, self.valid, self.config = learner, train, valid, config
        self.run: Run = config["run"]
        self.steps = learner.steps(train)

    def go(self, state: dict[str, Any]) -> None:
        epochs = self.learner.how.epochs
        while state["epoch"] < epochs:
            self._epoch(state)
            better = self.validate(state)
            state["epoch"] = state["epoch"] + 1 if better else epochs
            state["step"] = 0
            self._save(state)

    def _epoch(self, state: dict[str, Any]) -> None:
        """Train to the end of the epoch."""
        how, history = self.learner.how, state["history"]
        losses: list[float] = []
        began = time.perf_counter()
        for step, loss in enumerate(self.learner.epoch(self.train, state["epoch"], state["step"]), state["step"] + 1):
            losses.append(loss)
            if step % _TOLD == 0 or step == self.steps:
                mean, rate = float(np.mean(losses)), len(losses) * how.batch / (time.perf_counter() - began)
                history["seconds"] += time.perf_counter() - began
                at = state["epoch"] * self.steps + step
                history["loss"].append([at, mean])
                done = state["epoch"] + step / self.steps
                word = f"epoch {state['epoch'] + 1} loss {mean:.4f}, {rate:,.0f} rows/s"
                self.run.tell(done, how.epochs, word, at, loss=mean, rows_per_second=rate)
                if step % how.checkpoint_steps == 0 and step < self.steps:
                    self._save({**state, "step": step})
                losses, began = [], time.perf_counter()
        trained = (state["epoch"] + 1) * self.train.size
        history["rows_per_second"] = round(trained / max(history["seconds"], 1e-9))

    def _save(self, state: dict[str, Any]) -> None:
        saved = {**state, "steps": self.steps, "learner": self.learner.state()}
        self.run.save(saved, {"epoch": state["epoch"], "step": state["step"]})

    def validate(self, state: dict[str, Any]) -> bool:
        """Measure on the held-out day; keep the network if it is the best so far."""
        logits = self.learner.logits(self.valid)
        loss = float(self.learner.losses(logits, self.valid).sum() / max(self.valid.size, 1))
        calibration = calibrate(logits.numpy(), self.valid, self.config["heads"])
        report = measure(logits.numpy(), self.valid, self.config["heads"], calibration)
        state["history"]["epochs"].append({"valid_loss": loss, "heads": report})
        if loss >= state["best_loss"]:
            return False
        network = self.learner.network.state_dict()
        state["best"] = {name: weight.cpu().clone() for name, weight in network.items()}
        state["best_loss"], state["calibration"] = loss, calibration
        if (judge := self.config["judge"]) is not None and len(state["history"]["epochs"]) > 1:
            judged = {judge.name: judge(logits[:, self.config["heads"].index(JUDGED)].numpy())}
            done = state["epoch"] + 1
            self.run.tell(done, self.learner.how.epochs, "judged", done * self.steps, **judged)
        return True


def calibrate(logits: F32, rows: Rows, heads: Sequence[str]) -> list[tuple[float, float]]:
    """(scale, shift) of each head on held-out rows."""
    labels, known = rows.labels.numpy(), rows.known.numpy() > 0
    return [
        (smearing if name == WATCH else platt)(logits[known[:, h], h], labels[known[:, h], h])
        for h, name in enumerate(heads)
    ]


def measure(
    logits: F32, rows: Rows, heads: tuple[str, ...], calibration: list[tuple[float, float]]
) -> dict[str, dict[str, float]]:
    """Per head: rows, positives, logloss, AUC, expected calibration error and predicted over true positives; for
    watch time, seconds, their mean absolute error and predicted over true seconds.
    """
    scale, shift = np.array(calibration, np.float32).T
    predictions = to_predictions(logits * scale + shift, heads)
    report: dict[str, dict[str, float]] = {}
    for h, name in enumerate(heads):
        known = rows.known[:, h].numpy() > 0
        labels, predicted = rows.labels[known, h].numpy(), predictions[known, h]
        if not len(labels):
            report[name] = {"rows": 0}
        elif name == WATCH:
            seconds = np.expm1(labels)
            error = float(np.abs(predicted - seconds).mean())
            promised = calibration_ratio(seconds, predicted)
            report[name] = {"rows": len(labels), "mean_s": float(seconds.mean()), "error_s": error, "ratio": promised}
        else:
            report[name] = {
                "rows": len(labels),
                "positives": float(labels.sum()),
                "logloss": log_loss(labels, predicted),
                "auc": auc(labels, predicted),
                "ece": expected_calibration_error(labels, predicted),
                "ratio": calibration_ratio(labels, predicted),
            }
    return report
