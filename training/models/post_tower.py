"""A post's representation by its content alone, in NumPy: for posts that the two-tower model was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from kernels.columns import F32, I16, I32, I64

FILE: Final = "post_tower.npz"


class Contents(Protocol):
    """What a post tower reads of n posts; `PostColumns` and a log's posts have it."""

    @property
    def content(self) -> F32: ...
    @property
    def duration_s(self) -> F32: ...
    @property
    def caption_length(self) -> F32: ...
    @property
    def hashtags(self) -> F32: ...
    @property
    def has_location(self) -> F32: ...
    @property
    def kind(self) -> I16: ...
    @property
    def topic(self) -> I16: ...
    @property
    def author(self) -> I32: ...


def post_numbers(posts: Contents) -> F32:
    """The numbers float32[n, E + 4] that go into a post's representation: content, and amounts of the same size."""
    amounts = np.stack([posts.duration_s, posts.caption_length, posts.hashtags, posts.has_location], axis=1)
    return np.concatenate([posts.content, np.log1p(amounts) / 5], axis=1)


def post_codes(posts: Contents) -> I64:
    """The codes int64[n, 3] that go into it: kind, topic, author row."""
    return np.stack([posts.kind, posts.topic, posts.author], axis=1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class PostTower:
    """The content path of the two-tower model: a linear map of the numbers, and a vector per known code."""

    weight: F32  # [E + 4, D]
    bias: F32  # [D]
    tables: Sequence[F32]  # [codes, D] of kind, topic and author; zeros where training has no post of a code

    @classmethod
    def load(cls, folder: Path) -> "PostTower":
        """Read what `save` wrote."""
        with np.load(folder / FILE, allow_pickle=False) as parts:
            return cls(parts["weight"], parts["bias"], tuple(parts[name] for name in ("kind", "topic", "author")))

    def save(self, folder: Path) -> None:
        """Write `post_tower.npz` into `folder`."""
        kind, topic, author = self.tables
        with (folder / FILE).open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                weight=self.weight,
                bias=self.bias,
                kind=kind,
                topic=topic,
                author=author,
            )

    def encode(self, numbers: F32, codes: I64) -> F32:
        """Representations float32[n, D], not normalised: as history, and, at unit length, as what is searched for.

        A code outside its table, such as an author who came after training, adds nothing.
        """
        x: F32 = numbers @ self.weight + self.bias
        for table, column in zip(self.tables, codes.T, strict=True):
            known = np.flatnonzero((column >= 0) & (column < len(table)))
            x[known] += table[column[known]]
        return x


def unit(vectors: F32) -> F32:
    """`vectors` [n, D] at unit length; zeros stay zeros."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    scaled: F32 = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled
