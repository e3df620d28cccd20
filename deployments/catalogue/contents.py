"""Posts of the catalogue log as columns in the codes of one release."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cluster.post_table import PostTable
from cluster.posts import Post
from cluster.vocabulary import UNKNOWN, Vocabularies
from kernels.columns import CONTENT_DIM, F32, I16, I32, I64, PostColumns
from training.models.post_tower import unit


class Contents(NamedTuple):
    """What is told of n posts: the columns of `PostColumns` of these names."""

    created_ms: I64
    author: I32
    kind: I16
    topic: I16
    region: I16
    duration_s: F32
    caption_length: F32
    hashtags: F32
    has_location: F32
    content: F32

    @classmethod
    def at(cls, columns: PostColumns, rows: I32) -> "Contents":
        """What the post table says of its `rows`."""
        return cls(*(getattr(columns, name)[rows] for name in cls._fields))


class Codes:
    """A release's codes of kinds, topics and regions, and back."""

    def __init__(self, vocabularies: Vocabularies) -> None:
        self._vocabularies = {name: getattr(vocabularies, name) for name in ("kind", "topic", "region")}
        self._codes = {name: vocabulary.codes() for name, vocabulary in self._vocabularies.items()}

    def contents(self, posts: Sequence[Post], authors: I32) -> Contents:
        """Columns of `posts`, whose author rows are `authors`; what the release does not know is code 0."""

        def codes(name: str) -> I16:
            known = self._codes[name]
            return np.array([known.get(getattr(post, name), UNKNOWN) for post in posts], np.int16)

        def numbers(name: str) -> F32:
            return np.array([getattr(post, name) or 0 for post in posts], np.float32)

        zeros = [0.0] * CONTENT_DIM
        return Contents(
            created_ms=np.array([post.created_ms for post in posts], np.int64),
            author=authors,
            kind=codes("kind"),
            topic=codes("topic"),
            region=codes("region"),
            duration_s=numbers("duration_ms") / np.float32(1000),
            caption_length=numbers("caption_length"),
            hashtags=numbers("hashtags"),
            has_location=numbers("has_location"),
            content=unit(np.array([post.embedding or zeros for post in posts], np.float32)),
        )

    def of(self, name: str, values: Sequence[str]) -> I16:
        """Codes of those of `values`, kinds, topics or regions, that the release knows."""
        known = self._codes[name]
        return np.array([known[value] for value in values if value in known], np.int16)

    def topics(self, codes: I16) -> list[str]:
        """The topic of each code; "" for unknown."""
        names = self._vocabularies["topic"].values
        return [names[code - 1] if code != UNKNOWN else "" for code in codes.tolist()]

    def post(self, table: PostTable, row: int) -> Post:
        """A post of the release as the catalogue would keep it."""
        known = Contents.at(table.columns, np.array([row], np.int32))

        def text(name: str) -> str | None:
            code = int(getattr(known, name)[0])
            return self._vocabularies[name].values[code - 1] if code != UNKNOWN else None

        return Post(
            post_id=int(table.post_ids[row]),
            author_id=int(table.author_ids[known.author[0]]),
            created_ms=int(known.created_ms[0]),
            kind=text("kind"),
            topic=text("topic"),
            region=text("region"),
            duration_ms=round(float(known.duration_s[0]) * 1000),
            caption_length=int(known.caption_length[0]),
            hashtags=int(known.hashtags[0]),
            has_location=bool(known.has_location[0]),
            embedding=known.content[0].tolist() if known.content[0].any() else None,
        )
