"""Starting where the training of an earlier day ended, instead of from chance.

Rows of users and posts are found again by their ids. Codes of topics, regions and the like are not: with other
vocabularies an earlier model is of no use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cluster.post_table import rows_of
from kernels.columns import I32
from training.features.log import Log

_FILE: Final = "rows.npz"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The work of an earlier day, as rows of today see it."""

    folder: Path
    fingerprint: str
    date: int  # last day that it was trained on, yyyymmdd
    users: I32  # [U] its row of each user of today; -1 for one whom it does not know
    posts: I32  # [P]


def note_rows(work: Path, log: Log) -> None:
    """Note beside the models in `work`, once, what their rows and codes are, and where their days end."""
    if (work / _FILE).exists():
        return
    work.mkdir(parents=True, exist_ok=True)
    with (work / _FILE).open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            users=log.users.ids,
            posts=log.posts.ids,
            date=log.impressions.date.max(),
            vocabularies=_coded(log),
        )


def earlier_work(work: Path, model: str, log: Log) -> Earlier | None:
    """The newest of the folders beside `work`, of the same data set, that has finished `model` on days before the last
    one of `log`, and with its codes.
    """
    today, found = int(log.impressions.date.max()), None
    for path in work.parent.glob(f"*/{_FILE}"):
        metrics = path.parent / model / "metrics.json"
        if path.parent.name.rpartition("-")[0] != work.name.rpartition("-")[0] or not metrics.exists():
            continue
        fingerprint = msgspec.json.decode(metrics.read_bytes())["fingerprint"]
        with np.load(path, allow_pickle=False) as rows:
            date = int(rows["date"])
            if (
                date < today
                and (found is None or date > found.date)
                and np.array_equal(rows["vocabularies"], _coded(log))
            ):
                users, posts = rows_of(log.users.ids, rows["users"]), rows_of(log.posts.ids, rows["posts"])
                found = Earlier(path.parent / model, fingerprint, date, users, posts)
    return found


def carried_over(fresh: Mapping[str, Tensor], old: Mapping[str, NDArray[Any]], earlier: Earlier) -> dict[str, Tensor]:
    """The weights of `old` for a network with the weights `fresh`; what does not fit is left out.

    In tables of users and posts row 0 stands for "unknown"; so do, to begin with, those whom `old` does not know.
    """
    rows = {"user": earlier.users, "post": earlier.posts}
    carried = {}
    for name in fresh.keys() & old.keys():
        before = torch.from_numpy(np.array(old[name]))
        table = rows.get(name.partition(".")[0])
        if table is not None:
            before = before[torch.from_numpy(np.concatenate([[0], table.astype(np.int64) + 1]))]
        if before.shape == fresh[name].shape:
            carried[name] = before
    return carried


def _coded(log: Log) -> NDArray[np.uint8]:
    return np.frombuffer(msgspec.json.encode(log.vocabularies), np.uint8)
