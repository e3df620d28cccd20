"""Batches for the two-tower model: each user's impressions are cut at a random place into history and targets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kernels.actions import NEGATIVE, POSITIVE
from kernels.columns import F32, HISTORY, HOUR_MS, I32, I64, U16
from training.models.two_tower import age_bucket
from training.models.two_tower_network import Batch


@dataclass(frozen=True, slots=True)
class Sequences:
    """S sequences of N impressions in all: sequence s is `[offsets[s], offsets[s + 1])`, oldest first."""

    post: I32  # [N]
    actions: U16  # [N]
    time_ms: I64  # [N]
    offsets: I64  # [S + 1]
    lead: I32  # [S] leading impressions that are history only
    user: I32  # [S]

    @classmethod
    def of(cls, batches: Iterable[dict[str, Any]]) -> "Sequences":
        """Pack batches with the columns of `training.features.sequences`."""
        parts = list(batches)

        def flat(name: str) -> Any:
            return np.concatenate([np.concatenate(list(part[name])) for part in parts])

        lengths = np.concatenate([[len(posts) for posts in part["post_row"]] for part in parts])
        return cls(
            flat("post_row"),
            flat("actions"),
            flat("time_ms"),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([part["lead"] for part in parts]),
            np.concatenate([part["user_row"] for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.lead)

    def take(self, chosen: I64) -> "Sequences":
        """The sequences `chosen`, in that order."""
        at, _ = spread(self.offsets[chosen], self.offsets[chosen + 1])
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Sequences(
            self.post[at], self.actions[at], self.time_ms[at], offsets, self.lead[chosen], self.user[chosen]
        )

    @property
    def usable(self) -> I64:
        """Sequences that can be cut: with an impression before and after some place."""
        return np.flatnonzero(np.diff(self.offsets) > np.maximum(self.lead, 1))


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a batch's targets and candidates are drawn by."""

    horizon: int  # impressions after the cut that are targets
    idle_weight: float  # of a target that was shown and got no positive action; a positive one has 1
    negatives: int  # candidates drawn uniformly from all posts
    target_share: NDArray[np.float64]  # [P] share of the target weight on each post over all sequences


def draw(sequences: Sequences, chosen: I64, sampling: Sampling, rng: np.random.Generator) -> Batch:
    """Cut each chosen sequence at a random place: the impressions before it are history, those after it targets."""
    cut = draw_cuts(sequences, chosen, rng)
    return batch_at(sequences, cut, sequences.offsets[chosen], sequences.offsets[chosen + 1], sampling, rng)


def draw_cuts(sequences: Sequences, chosen: I64, rng: np.random.Generator) -> I64:
    """A row of each chosen sequence, with an impression before it and not among those that only lead."""
    begin, end = sequences.offsets[chosen], sequences.offsets[chosen + 1]
    return rng.integers(begin + np.maximum(sequences.lead[chosen], 1), end)


def batch_at(
    sequences: Sequences, cut: I64, begin: I64, end: I64, sampling: Sampling, rng: np.random.Generator
) -> Batch:
    """The batch of sequences [begin, end) that are cut at the rows `cut`, each int64[B]."""
    past, past_user = spread(np.maximum(begin, cut - HISTORY), cut)
    hours = (sequences.time_ms[cut][past_user] - sequences.time_ms[past]) / HOUR_MS
    later, later_user = spread(cut, np.minimum(end, cut + sampling.horizon))
    weight = target_weights(sequences.actions[later], sampling.idle_weight)
    later, later_user, weight = later[weight > 0], later_user[weight > 0], weight[weight > 0]
    candidates = np.union1d(sequences.post[later], rng.integers(0, len(sampling.target_share), sampling.negatives))
    posts, places = places_in(candidates, sequences.post[past])
    return Batch(
        posts=torch.from_numpy(posts.astype(np.int64)),
        log_q=torch.from_numpy(log_inclusion(candidates, len(later), sampling)),
        history_post=torch.from_numpy(places),
        history_actions=torch.from_numpy(sequences.actions[past].astype(np.int64)),
        history_age=torch.from_numpy(age_bucket(hours.astype(np.float32)).astype(np.int64)),
        history_user=torch.from_numpy(past_user),
        target_user=torch.from_numpy(later_user),
        target_post=torch.from_numpy(np.searchsorted(candidates, sequences.post[later])),
        target_weight=torch.from_numpy(weight),
        users=len(cut),
    )


def target_weights(actions: U16, idle_weight: float) -> F32:
    """1 for what got a positive action, 0 for what repelled, `idle_weight` for what was only shown."""
    weights: F32 = np.where(actions & POSITIVE != 0, 1.0, idle_weight).astype(np.float32)
    weights[actions & NEGATIVE != 0] = 0
    return weights


def log_inclusion(candidates: I64, targets: int, sampling: Sampling) -> F32:
    """Log chance of each distinct candidate to be in a batch, through its targets or the uniform draw."""
    missed = targets * np.log1p(-np.minimum(sampling.target_share[candidates], 0.5))
    missed += sampling.negatives * np.log1p(-1 / len(sampling.target_share))
    log_q: F32 = np.log(-np.expm1(missed)).astype(np.float32)
    return log_q


def spread(begin: I64, end: I64) -> tuple[I64, I64]:
    """All rows of the ranges [begin, end), and which range each belongs to."""
    lengths = end - begin
    owner = np.repeat(np.arange(len(begin)), lengths)
    return np.arange(lengths.sum()) + np.repeat(begin - np.cumsum(lengths) + lengths, lengths), owner


def places_in(first: I64, others: I32) -> tuple[I64, I64]:
    """`first` (distinct, ascending) followed by what `others` has besides, and the place of each of `others`."""
    rest = np.setdiff1d(others, first)
    posts = np.concatenate([first, rest])
    order = np.argsort(posts)
    return posts, order[np.searchsorted(posts, others, sorter=order)]
