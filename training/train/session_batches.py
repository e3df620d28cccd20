"""Batches for the session encoder: windows of impressions, and what came after some places of each."""

from typing import Final

import numpy as np
import torch

from kernels.columns import I64
from training.models.session import gap_bucket
from training.models.session_network import SessionBatch, Windows
from training.train.sequence_batches import Sampling, Sequences, log_inclusion, spread, target_weights

_SECOND_MS: Final = 1000


def draw_windows(
    sequences: Sequences, chosen: I64, length: int, queries: int, sampling: Sampling, rng: np.random.Generator
) -> SessionBatch:
    """A window of up to `length` impressions of each chosen sequence, ending anywhere, with `queries` places drawn."""
    begin, end = sequences.offsets[chosen], sequences.offsets[chosen + 1]
    first = begin + np.maximum(sequences.lead[chosen], 1)  # the first that may be a target
    stop = rng.integers(np.clip(begin + length, first, end - 1), end)
    start = np.maximum(begin, stop - length)
    least = np.maximum(first - 1, start)
    query = rng.integers(np.repeat(least, queries), np.repeat(stop, queries))
    windows = windows_of(sequences, start, stop, query, np.repeat(np.arange(len(chosen)), queries))
    later, of = spread(query + 1, np.minimum(np.repeat(end, queries), query + 1 + sampling.horizon))
    weight = target_weights(sequences.actions[later], sampling.idle_weight)
    later, of, weight = later[weight > 0], of[weight > 0], weight[weight > 0]
    drawn = rng.integers(0, len(sampling.target_share), sampling.negatives)
    candidates = np.union1d(sequences.post[later], drawn)
    return SessionBatch(
        windows=windows,
        candidates=torch.from_numpy(candidates.astype(np.int64)),
        log_q=torch.from_numpy(log_inclusion(candidates, len(np.unique(later)), sampling)),
        target_query=torch.from_numpy(of),
        target_post=torch.from_numpy(np.searchsorted(candidates, sequences.post[later])),
        target_weight=torch.from_numpy(weight),
    )


def windows_of(sequences: Sequences, start: I64, stop: I64, query: I64, owner: I64) -> Windows:
    """Impressions [start, stop) of B windows, and queries at the rows `query` [Q] of the windows `owner` [Q].

    A query's wait lasts until the next impression, so there must be one.
    """
    longest = int((stop - start).max(initial=1))
    rows = np.minimum(start[:, None] + np.arange(longest), stop[:, None] - 1)
    times = sequences.time_ms
    wait = (times[query + 1] - times[query]) / _SECOND_MS
    return Windows(
        post=torch.from_numpy(sequences.post[rows].astype(np.int64)),
        actions=torch.from_numpy(sequences.actions[rows].astype(np.int64)),
        seconds=torch.from_numpy(((times[rows] - times[start][:, None]) / _SECOND_MS).astype(np.float32)),
        query=torch.from_numpy(owner * longest + query - start[owner]),
        wait=torch.from_numpy(gap_bucket(wait.astype(np.float32))),
    )
