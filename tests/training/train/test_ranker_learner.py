"""The ranker's learner by itself, without Ray."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from tests.training.models.tiny import POSTS, USERS, write_days
from training.models.ranker_network import RankerNetwork, Shape
from training.models.trunks import TRUNKS, TrunkName
from training.train.failures import Diverged
from training.train.ranker_learner import Learner, RankerTraining
from training.train.ranker_losses import correction
from training.train.ranker_rows import COLUMNS, Rows, rows_of
from training.train.ranker_survey import survey_of
from training.train.ranker_wide import WideConfig, fitted
from training.train.run import to_numpy
from training.train.wide import WidePart

HOW = RankerTraining(epochs=2, batch=32)


@pytest.fixture
def setting(tmp_path: Path) -> tuple[Rows, RankerNetwork, WidePart, tuple[str, ...]]:
    (file,) = write_days(tmp_path, days=1, rows=300)
    survey = survey_of([file], USERS, POSTS)
    wide = fitted([file], USERS, POSTS, WideConfig.of(HOW))
    table = pq.read_table(file)
    rows = rows_of([{name: to_numpy(table[name]) for name in COLUMNS}], survey.inputs, survey.heads, wide.sizes)
    shape = Shape(USERS, POSTS, len(survey.inputs.numbers), sum(survey.inputs.sizes), len(survey.heads))
    return rows, RankerNetwork(shape), wide, survey.heads


def test_a_loss_that_is_not_finite_ends_training_and_names_the_batch(
    setting: tuple[Rows, RankerNetwork, WidePart, tuple[str, ...]],
) -> None:
    rows, network, wide, heads = setting
    learner = Learner(network, network, wide, heads, replace(HOW, learning_rate=1e30, warmup_steps=1))
    losses: list[float] = []
    with pytest.raises(Diverged, match=r"the loss is (nan|inf) at batch \d+ of epoch 2") as error:
        losses.extend(learner.epoch(rows, epoch=1))
    assert str(error.value).split()[6] == str(len(losses) + 1)


def test_batches_go_to_the_device_that_the_network_is_on(
    setting: tuple[Rows, RankerNetwork, WidePart, tuple[str, ...]],
) -> None:
    rows, network, wide, heads = setting
    devices: list[torch.device] = []
    network.trunk.register_forward_hook(lambda _module, _inputs, output: devices.append(output.device))
    learner = Learner(network.to("meta"), network, wide, heads, HOW)
    with pytest.raises(RuntimeError, match="meta"):  # has no numbers to give back
        learner.logits(rows)
    assert {device.type for device in devices} == {"meta"}
    assert learner.losses(torch.zeros_like(rows.labels), rows).device.type == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_it_learns_on_a_gpu(setting: tuple[Rows, RankerNetwork, WidePart, tuple[str, ...]]) -> None:
    rows, network, wide, heads = setting
    learner = Learner(network.to("cuda"), network, wide, heads, HOW)
    losses = [loss for epoch in range(2) for loss in learner.epoch(rows, epoch)]
    assert losses[-1] < losses[0]
    assert learner.logits(rows).device == rows.user.device


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("negative_share", [1.0, 0.1])
def test_training_begins_with_what_the_wide_part_says(
    setting: tuple[Rows, RankerNetwork, WidePart, tuple[str, ...]], trunk: TrunkName, negative_share: float
) -> None:
    rows, network, wide, heads = setting
    network = RankerNetwork(network.shape._replace(trunk=trunk))
    network.shift(-correction(heads, negative_share))
    learner = Learner(network, network, wide, heads, replace(HOW, negative_share=negative_share))
    assert torch.allclose(learner.logits(rows), wide(rows.fold, rows.user, rows.post, rows.wide), atol=1e-5)
