"""The multi-task ranking network, as it is trained.

A trunk with a head per action (`training.models.trunks`), beside products of user and post embedding (Rendle,
"Factorization Machines", 2010). It adds to the wide part (`training.models.wide`), and begins by adding nothing.
Position enters as a bias of each head only and is neutral in serving (Zhao et al., "Recommending What Video to Watch
Next", RecSys 2019).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor, nn

from training.models.trunks import TRUNKS, TrunkName, TrunkShape

#: Positions from here on share one bias.
POSITIONS: Final = 64


class Shape(NamedTuple):
    """Sizes of a network. Users, posts and positions have a row 0 for "unknown" on top."""

    users: int
    posts: int
    numbers: int  # D
    codes: int  # rows of the table of all categorical features
    heads: int  # H
    embedding: int = 128
    matches: int = 8  # the product of the embeddings is summed in this many groups
    hidden: int = 512
    trunk: TrunkName = "shared"
    width: int = 256  # of the trunk
    experts: int = 4  # that heads share; the shared bottom has none

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], trunk: str) -> "Shape":
        """The sizes of a network with these weights."""
        hidden, numbers = weights["from_numbers.weight"].shape
        heads, width = weights["trunk.heads.weight"].shape
        experts = cls._field_defaults["experts"]
        if trunk == "mmoe":
            experts = len(weights["trunk.experts.weight"]) // width
        elif trunk == "ple":
            experts = len(weights["trunk.levels.0.shared"])
        return cls(
            users=len(weights["user.weight"]) - 1,
            posts=len(weights["post.weight"]) - 1,
            numbers=numbers,
            codes=len(weights["from_codes.weight"]),
            heads=heads,
            embedding=weights["user.weight"].shape[1],
            matches=weights["from_match.weight"].shape[1],
            hidden=hidden,
            trunk=cast(TrunkName, trunk),
            width=width,
            experts=experts,
        )


class RankerNetwork(nn.Module):
    """Logits of H heads; for watch time, log(1 + seconds)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.user = _table(shape.users + 1, shape.embedding, 0.01)
        self.post = _table(shape.posts + 1, shape.embedding, 0.01)
        # The first layer is split by input, so that serving computes the user's part once for all candidates.
        self.from_user = nn.Linear(shape.embedding, shape.hidden, bias=False)
        self.from_post = nn.Linear(shape.embedding, shape.hidden, bias=False)
        self.from_match = nn.Linear(shape.matches, shape.hidden, bias=False)
        self.from_numbers = nn.Linear(shape.numbers, shape.hidden)
        self.from_codes = _table(max(shape.codes, 1), shape.hidden, 0.02)
        self.trunk = TRUNKS[shape.trunk](TrunkShape(shape.hidden, shape.width, shape.experts, shape.heads))
        self.match_heads = nn.Linear(shape.matches, shape.heads, bias=False)
        self.position = nn.Embedding(POSITIONS + 1, shape.heads, padding_idx=0)
        nn.init.zeros_(self.position.weight)
        nn.init.zeros_(self.match_heads.weight)

    def forward(
        self, user: Tensor, post: Tensor, numbers: Tensor, codes: Tensor, position: Tensor, dropout: float = 0.0
    ) -> Tensor:
        """What is added to the wide part's logits, float32[B, H].

        Args:
            user: int64[B] row + 1, 0 = unknown.
            post: int64[B] likewise.
            numbers: float32[B, D] of `Inputs.apply`.
            codes: int64[B, K] of the same.
            position: int64[B] slot + 1, at most POSITIONS; 0 = unknown, which adds nothing.
            dropout: share of hidden units that training leaves out.
        """
        users, posts = self.user(user), self.post(post)
        match = (users * posts).view(len(user), self.shape.matches, -1).sum(2)
        hidden = self.from_user(users) + self.from_post(posts) + self.from_match(match) + self.from_numbers(numbers)
        hidden = hidden + self.from_codes(codes).sum(1)
        hidden = nn.functional.dropout(torch.relu(hidden), dropout, self.training)
        logits: Tensor = self.trunk(hidden, dropout) + self.match_heads(match) + self.position(position)
        return logits

    def shift(self, logits: Tensor) -> None:
        """Add `logits` [H] to every prediction."""
        with torch.no_grad():
            self.get_parameter("trunk.heads.bias").add_(logits)


def _table(rows: int, width: int, deviation: float) -> nn.Embedding:
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=deviation)
    return table
