"""The ranker's learner by itself, without Ray."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.training.models.tiny import POSTS, USERS, write_days
from training.models.ranker import WATCH
from training.models.ranker_network import RankerNetwork, Shape
from training.models.trunks import TRUNKS
from training.train.failures import Diverged
from training.train.ranker import base_of, survey_of
from training.train.ranker_learner import Learner, RankerTraining
from training.train.ranker_rows import COLUMNS, Rows, rows_of
from training.train.run import to_numpy

HOW = RankerTraining(epochs=2, batch=32)


@pytest.fixture
def setting(tmp_path: Path) -> tuple[Rows, RankerNetwork, tuple[str, ...]]:
    (file,) = write_days(tmp_path, days=1, rows=300)
    survey = survey_of([file], USERS, POSTS)
    table = pq.read_table(file)
    rows = rows_of([{name: to_numpy(table[name]) for name in COLUMNS}], survey.inputs, survey.heads)
    shape = Shape(USERS, POSTS, len(survey.inputs.numbers), sum(survey.inputs.sizes), len(survey.heads))
    return rows, RankerNetwork(shape), survey.heads


def test_a_loss_that_is_not_finite_ends_training_and_names_the_batch(
    setting: tuple[Rows, RankerNetwork, tuple[str, ...]],
) -> None:
    rows, network, heads = setting
    learner = Learner(network, network, heads, replace(HOW, learning_rate=1e30, warmup_steps=1))
    losses: list[float] = []
    with pytest.raises(Diverged, match=r"the loss is (nan|inf) at batch \d+ of epoch 2") as error:
        losses.extend(learner.epoch(rows, epoch=1))
    assert str(error.value).split()[6] == str(len(losses) + 1)


def test_batches_go_to_the_device_that_the_network_is_on(setting: tuple[Rows, RankerNetwork, tuple[str, ...]]) -> None:
    rows, network, heads = setting
    devices: list[torch.device] = []
    network.trunk.register_forward_hook(lambda _module, _inputs, output: devices.append(output.device))
    learner = Learner(network.to("meta"), network, heads, HOW)
    with pytest.raises(RuntimeError, match="meta"):  # has no numbers to give back
        learner.logits(rows)
    assert {device.type for device in devices} == {"meta"}
    assert learner.losses(torch.zeros_like(rows.labels), rows).device.type == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_it_learns_on_a_gpu(setting: tuple[Rows, RankerNetwork, tuple[str, ...]]) -> None:
    rows, network, heads = setting
    learner = Learner(network.to("cuda"), network, heads, HOW)
    losses = [loss for epoch in range(2) for loss in learner.epoch(rows, epoch)]
    assert losses[-1] < losses[0]
    assert learner.logits(rows).device == rows.user.device


def test_heads_begin_at_what_happens_on_average() -> None:
    heads = ("like", "hide", WATCH)
    labels = np.array([[1, 0, 2.0], [0, 0, 4.0], [1, 1, 0.0], [0, 0, 0.0]], np.float32)
    known = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 0]], np.float32)
    base = base_of(labels, known, heads)
    assert base.tolist() == pytest.approx([0.0, np.log(1 / 3), 3.0])
    assert np.isfinite(base_of(labels * 0, known * 0, heads)).all()
    for trunk in TRUNKS:
        network = RankerNetwork(Shape(users=3, posts=3, numbers=2, codes=4, heads=3, trunk=trunk))
        network.begin_at(torch.from_numpy(base))
        ids = torch.arange(3)
        said = network.eval()(ids, ids, torch.zeros(3, 2), torch.zeros(3, 1, dtype=torch.int64), ids * 0)
        assert torch.allclose(said.detach(), torch.from_numpy(base).expand(3, -1), atol=0.5)
