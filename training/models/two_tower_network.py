"""The two-tower model as it is trained: one post representation, read by both towers.

Sampled softmax with a correction for how likely a candidate was to be sampled (Yi et al., "Sampling-bias-corrected
neural modeling for large corpus item recommendations", RecSys 2019). B users, T targets, H impressions of history,
C candidates, D = DIM.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kernels.actions import ACTIONS, BIT, NEGATIVE
from kernels.columns import CONTENT_DIM, F32
from training.features.log import Posts
from training.models.post_tower import PostTower, post_codes, post_numbers, unit
from training.models.two_tower import AGES, DIM, UserTower

#: Logits are cosines over a learned temperature that starts here and may not fall below the second.
TEMPERATURE: Final = 0.05
LEAST_TEMPERATURE: Final = 0.01
#: Deviation of the first vectors of ids, and of kinds, topics and authors.
ID_SCALE: Final = 0.1
CODE_SCALE: Final = 0.03


class PostInputs(NamedTuple):
    """What the post tower knows of P posts besides their ids."""

    numbers: Tensor  # float32[P, CONTENT_DIM + 4]
    codes: Tensor  # int64[P, 3] kind, topic, author

    @classmethod
    def of(cls, posts: Posts) -> "PostInputs":
        return cls(torch.from_numpy(post_numbers(posts)), torch.from_numpy(post_codes(posts)))


_NONE = torch.zeros(0, dtype=torch.int64)


class Batch(NamedTuple):
    """Histories and what came after them. Posts are rows of `posts`, so that a step touches only those it needs.

    R lessons of a teacher with K posts each; N negatives that count for one user alone.
    """

    posts: Tensor  # int64[M] post rows, distinct: the candidates come first
    log_q: Tensor  # float32[C] log of each candidate's chance to be one
    history_post: Tensor  # int64[H] places in `posts`, grouped by user
    history_actions: Tensor  # int64[H] masks
    history_age: Tensor  # int64[H] age buckets
    history_user: Tensor  # int64[H] 0 to B - 1, ascending
    target_user: Tensor  # int64[T]
    target_post: Tensor  # int64[T] places in `posts`, below C
    target_weight: Tensor  # float32[T]
    users: int  # B
    negative_user: Tensor = _NONE  # int64[N]
    negative_post: Tensor = _NONE  # int64[N] places in `posts`
    negative_weight: Tensor = _NONE  # float32[N] of so many posts like it
    taught_user: Tensor = _NONE  # int64[R]
    taught_post: Tensor = _NONE  # int64[R, K] places in `posts`
    taught_share: Tensor = _NONE  # float32[R, K] of the teacher's choice among the posts of a lesson
    taught_weight: float = 0.0  # of the lessons' loss


def action_bits(masks: Tensor) -> Tensor:
    """Action masks int64[...] as float32[..., actions] of 0 and 1."""
    return ((masks[..., None] >> torch.arange(len(ACTIONS), device=masks.device)) & 1).to(torch.float32)


class TwoTower(nn.Module):
    """Both towers over P posts. `forward` is the loss, so that it can be wrapped for data-parallel training."""

    def __init__(self, inputs: PostInputs, id_dropout: float) -> None:
        super().__init__()
        self.size = len(inputs.numbers)
        self.numbers: Tensor
        self.codes: Tensor
        self.register_buffer("numbers", inputs.numbers, persistent=False)
        self.register_buffer("codes", inputs.codes, persistent=False)
        self.id_dropout = id_dropout
        self.ids = nn.Embedding(self.size, DIM)
        self.content = nn.Linear(CONTENT_DIM + 4, DIM)
        sizes = (inputs.codes.max(dim=0).values + 1).tolist()
        self.coded = nn.ParameterList(torch.randn(size, DIM) * CODE_SCALE for size in sizes)
        nn.init.normal_(self.ids.weight, std=ID_SCALE)
        self.idle = nn.Parameter(torch.tensor(1.0))
        self.acted = nn.Parameter(torch.tensor([-1.0 if BIT[name] & NEGATIVE else 0.1 for name in ACTIONS]))
        self.ages = nn.Parameter(torch.zeros(AGES))
        self.bias = nn.Parameter(torch.zeros(DIM))
        self.log_scale = nn.Parameter(-torch.tensor(TEMPERATURE).log())

    def posts(self, rows: Tensor, with_id: Tensor) -> Tensor:
        """Representation float32[M, D], not normalised. `with_id` float32[M, 1] is 0 to go by content alone."""
        x: Tensor = self.ids(rows) * with_id + self.content(self.numbers[rows])
        for table, codes in zip(self.coded, self.codes.T, strict=True):
            x = x + table[codes[rows]]
        return x

    def action_weights(self) -> Tensor:
        """Weight of each action mask, float32[2^actions]."""
        return self.idle + action_bits(torch.arange(1 << len(ACTIONS), device=self.acted.device)) @ self.acted

    def users(self, posts: Tensor, batch: Batch) -> Tensor:
        """Unit vectors float32[B, D] of the histories, as `UserTower.encode`; a user without one gets the bias."""
        weights = self.action_weights()[batch.history_actions] * self.ages.exp()[batch.history_age]
        starts = torch.searchsorted(batch.history_user, torch.arange(batch.users, device=posts.device))
        total = functional.embedding_bag(batch.history_post, posts, starts, mode="sum", per_sample_weights=weights)
        mass = torch.zeros(batch.users, device=posts.device).index_add(0, batch.history_user, weights.abs())
        return functional.normalize(total / mass.clamp_min(1e-6).sqrt()[:, None] + self.bias, dim=1)

    def forward(self, batch: Batch) -> Tensor:
        """Mean negative log likelihood of the targets among the candidates, by weight."""
        kept = torch.rand(len(batch.posts), 1, device=batch.posts.device) >= self.id_dropout
        posts = self.posts(batch.posts, kept.to(torch.float32))
        users, units = self.users(posts, batch) * self.log_scale.exp(), functional.normalize(posts, dim=1)
        logits = users @ units[: len(batch.log_q)].T - batch.log_q
        total = logits.logsumexp(dim=1)
        if len(batch.negative_user):
            own = (users[batch.negative_user] * units[batch.negative_post]).sum(dim=1) - total[batch.negative_user]
            more = torch.zeros(batch.users, device=posts.device).index_add(
                0, batch.negative_user, own.exp() * batch.negative_weight
            )
            total = total + more.log1p()
        chosen = logits[batch.target_user, batch.target_post] - total[batch.target_user]
        loss = -(chosen * batch.target_weight).sum() / batch.target_weight.sum().clamp_min(1e-9)
        if len(batch.taught_user):
            learned = (users[batch.taught_user][:, None] * units[batch.taught_post]).sum(dim=2).log_softmax(dim=1)
            loss = loss - batch.taught_weight * (batch.taught_share * learned).sum(dim=1).mean()
        return loss

    @torch.no_grad()
    def limit(self) -> None:
        """Keep the temperature from collapsing; call after each step."""
        self.log_scale.clamp_(max=-float(np.log(LEAST_TEMPERATURE)))

    @torch.no_grad()
    def post_tower(self, trained: F32) -> PostTower:
        """The content path for serving. `trained` float32[P] is 0 for posts without a training impression.

        A code that no trained post has says nothing: its vector is still what it was drawn as.
        """
        tables = []
        for table, codes in zip(self.coded, self.codes.T, strict=True):
            known = np.bincount(codes.numpy(), weights=trained, minlength=len(table)) > 0
            tables.append(table.numpy() * known[:, None].astype(np.float32))
        return PostTower(self.content.weight.numpy().T.copy(), self.content.bias.numpy(), tables)

    @torch.no_grad()
    def export(self, folder: Path, trained: F32) -> None:
        """Write user tower, post tower and `post_vectors.npy` float32[P, D] (unit length) for serving.

        `trained` float32[P] is 0 for posts without a training impression: their ids say nothing yet.
        """
        tower = self.post_tower(trained)
        posts = self.ids.weight.numpy() * trained[:, None]
        posts += tower.encode(self.numbers.numpy(), self.codes.numpy())
        UserTower(posts, self.action_weights().numpy(), self.ages.exp().numpy(), self.bias.detach().numpy()).save(
            folder
        )
        tower.save(folder)
        np.save(folder / "post_vectors.npy", unit(posts))
