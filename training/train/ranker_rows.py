"""Training rows of the ranker: examples as tensors, and labels with a mask of those that are known."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kernels.actions import ACTIONS, BIT
from kernels.columns import I64
from training.models.inputs import Inputs
from training.models.ranker import WATCH, WATCH_LIMIT_S
from training.models.ranker_network import POSITIONS
from training.models.wide import wide_codes, wide_columns
from training.train.wide import ALL, fold_of

COLUMNS: Final = ("user_row", "post_row", "position", "x", "actions", "known", "watch_s")


class Rows(NamedTuple):
    """N rows; D numbers, K codes, H heads."""

    user: Tensor  # int64[N] row + 1
    post: Tensor  # int64[N] row + 1
    position: Tensor  # int64[N] slot + 1; 0 = unknown
    numbers: Tensor  # float32[N, D]
    codes: Tensor  # int64[N, K]
    fold: Tensor  # int64[N] fit of the wide part that does not know the row
    wide: Tensor  # int64[N, K] of `wide_codes`
    labels: Tensor  # float32[N, H]; 0 or 1, log(1 + seconds) for watch time; 0 where unknown
    known: Tensor  # float32[N, H] 1 where the label counts

    def at(self, rows: Tensor | slice) -> "Rows":
        return Rows(*(column[rows] for column in self))

    def to(self, device: torch.device) -> "Rows":
        return Rows(*(column.to(device, non_blocking=True) for column in self))

    @property
    def size(self) -> int:
        """N."""
        return len(self.user)


def heads_of(actions: NDArray[Any], known: NDArray[Any], watch_s: NDArray[Any]) -> tuple[str, ...]:
    """Heads that the rows can teach: actions seen both done and not done, and watch time if it varies."""
    heads = []
    for name in ACTIONS:
        done = (actions & BIT[name]) != 0
        if ((known & BIT[name]) != 0)[done].any() and ((known & BIT[name]) != 0)[~done].any():
            heads.append(name)
    seconds = watch_s[~np.isnan(watch_s)]
    if len(seconds) and seconds.min() < seconds.max():
        heads.append(WATCH)
    return tuple(heads)


def rows_of(
    batches: Iterable[dict[str, Any]],
    inputs: Inputs,
    heads: Sequence[str],
    sizes: Sequence[int],
    held_out: bool = False,
) -> Rows:
    """All rows of `batches` (columns COLUMNS) as tensors.

    `sizes`: those of the wide part. `held_out`: whether its fits are to leave out all the rows.
    """
    parts = [_rows(batch, inputs, heads, sizes, held_out) for batch in batches]
    return Rows(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def thinned(rows: Rows, heads: Sequence[str], negative_share: float, seed: int) -> Rows:
    """Rows of which each head sees its positives and `negative_share` of its negatives; what nothing is known of goes.

    One draw a row decides for all heads, and for watch time whatever was done: so each head's negatives are a fair
    sample of all, and rows without any action mostly leave.
    """
    if negative_share == 1:
        return rows
    drawn = torch.from_numpy(np.random.default_rng(seed).random(rows.size) < negative_share)[:, None]
    watch = torch.tensor([name == WATCH for name in heads])
    known = rows.known * (drawn | ((rows.labels > 0) & ~watch))
    return rows._replace(known=known).at(known.any(1).nonzero()[:, 0])


def _rows(batch: dict[str, Any], inputs: Inputs, heads: Sequence[str], sizes: Sequence[int], held_out: bool) -> Rows:
    user, post = batch["user_row"].astype(np.int64) + 1, batch["post_row"].astype(np.int64) + 1
    numbers, codes = inputs.apply(batch["x"])
    labels, known = labels_of(batch["actions"], batch["known"], batch["watch_s"], heads)
    fold = np.full(len(user), ALL) if held_out else fold_of(user, post)
    return Rows(
        torch.from_numpy(user),
        torch.from_numpy(post),
        torch.from_numpy(slots(batch["position"])),
        torch.from_numpy(numbers),
        torch.from_numpy(codes),
        torch.from_numpy(fold),
        torch.from_numpy(wide_codes(wide_columns(batch["x"]), sizes)),
        torch.from_numpy(labels),
        torch.from_numpy(known),
    )


def slots(position: NDArray[Any]) -> I64:
    """Position + 1, at most POSITIONS; 0 = unknown."""
    return np.clip(position.astype(np.int64) + 1, 0, POSITIONS)


def labels_of(
    actions: NDArray[Any], known: NDArray[Any], watch_s: NDArray[Any], heads: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels float32[N, H] and their mask float32[N, H]."""
    labels = np.zeros((len(actions), len(heads)), np.float32)
    mask = np.zeros_like(labels)
    for h, name in enumerate(heads):
        if name == WATCH:
            mask[:, h] = ~np.isnan(watch_s)
            labels[:, h] = np.log1p(np.clip(np.nan_to_num(watch_s), 0, WATCH_LIMIT_S))
        else:
            mask[:, h] = (known & BIT[name]) != 0
            labels[:, h] = (actions & BIT[name]) != 0
    return labels * mask, mask
