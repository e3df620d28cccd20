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

from cluster.errors import CascadeError
from cluster.ray_runtime import RaySession
from training.train import ray_train
from training.train.steps import Step

# Ray warns of its own defaults.
pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]


@dataclass(frozen=True)
class Config:
    passes: int = 3


def _step(tmp_path: Path) -> Step:
    return Step("toy", tmp_path / "toy", Config(), {})


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
    """Each pass keeps the order of the rows that it read; a failure in the middle is survived."""
    state = ray_train.saved() or {"orders": []}
    while len(state["orders"]) < config["passes"]:
        parts = list(ray_train.batches("train", 64, ("row", "x")))
        rows = np.concatenate([part["row"] for part in parts])
        x = np.concatenate([part["x"] for part in parts])
        assert x.dtype == np.float32
        assert (x == np.stack([rows, -rows], 1)).all()
        state["orders"].append(torch.from_numpy(rows))
        ray_train.tell(config, len(state["orders"]), config["passes"], "reading")
        ray_train.save(state, {})
        marker = Path(config["marker"])
        if len(state["orders"]) == 2 and not marker.exists():
            marker.touch()
            raise RuntimeError("a worker that died")


def test_rows_come_in_file_order_and_a_failed_worker_resumes(tmp_path: Path) -> None:
    marker = tmp_path / "failed"
    data = {"train": ray_train.parquet(_files(tmp_path), ["row", "x"])}
    config = {"passes": 3, "marker": str(marker)}
    state = ray_train.fit(TorchTrainer, _step(tmp_path), _reading, config, data)
    assert marker.exists()
    assert [order.tolist() for order in state["orders"]] == [list(range(300))] * 3


def _hopeless(config: dict[str, Any]) -> None:
    raise ValueError(f"the {config['what']} is broken")


def test_a_loop_that_keeps_failing_says_why(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match=r"training toy failed: the thing is broken"):
        ray_train.fit(TorchTrainer, _step(tmp_path), _hopeless, {"what": "thing"}, {}, retries=0)


def _sharded(config: dict[str, Any]) -> None:
    rows = np.concatenate([part["row"] for part in ray_train.batches("train", 64, ("row",))])
    total = torch.tensor([float(rows.sum()), len(rows)])
    torch.distributed.all_reduce(total)
    ray_train.save({"total": total}, {})


def test_two_workers_share_the_rows(tmp_path: Path, ray_session: RaySession) -> None:
    data = {"train": ray_train.parquet(_files(tmp_path), ["row"])}
    state = ray_train.fit(TorchTrainer, _step(tmp_path), _sharded, {}, data, workers=2)
    assert state["total"].tolist() == [sum(range(300)), 300]
