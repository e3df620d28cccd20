"""What Ray Train runs share, on a real Ray with toy loops."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from ray.train.torch import TorchTrainer

from training.train import ray_train
from training.train.placement import Placement
from training.train.run import Parquet
from training.train.steps import Step

# Ray warns of its own defaults.
pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]


@dataclass(frozen=True)
class Config:
    passes: int = 3


def _step(tmp_path: Path, **placement: Any) -> Step:
    return Step("toy", tmp_path / "toy", Config(), {}, Placement(**placement))


def _files(folder: Path) -> list[Path]:
    files = []
    for part in range(3):
        rows = np.arange(part * 100, (part + 1) * 100)
        x = np.stack([rows, -rows], 1).astype(np.float32)
        table = pa.table({"row": rows, "x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 2)})
        files.append(folder / f"part{9 - part}.parquet")  # names sort the other way round
        pq.write_table(table, files[-1])
    return files


def _reading(config: dict[str, Any]) -> None:
    """Each pass keeps the order of the rows that it read."""
    state: dict[str, Any] = {"orders": [], "all": []}
    run = config["run"]
    while len(state["orders"]) < config["passes"]:
        parts = list(run.batches("train", 64, ("row", "x")))
        rows = np.concatenate([part["row"] for part in parts])
        x = np.concatenate([part["x"] for part in parts])
        assert x.dtype == np.float32
        assert (x == np.stack([rows, -rows], 1)).all()
        everybody = torch.tensor([float(rows.sum()), len(rows)])
        torch.distributed.all_reduce(everybody)
        state["orders"].append(torch.from_numpy(rows))
        state["all"].append(everybody)
        run.tell(len(state["orders"]), config["passes"], "reading")
        run.save(state, {})


def test_two_workers_share_the_rows_in_file_order_at_every_pass(tmp_path: Path) -> None:
    data = {"train": Parquet(_files(tmp_path), ["row", "x"])}
    state = ray_train.fit(TorchTrainer, _step(tmp_path, workers=(2, 2)), _reading, {"passes": 3}, data)
    assert [both.tolist() for both in state["all"]] == [[sum(range(300)), 300]] * 3
    first = state["orders"][0].tolist()
    assert 0 < len(first) < 300
    assert first == sorted(first)
    assert [order.tolist() for order in state["orders"]] == [first] * 3
