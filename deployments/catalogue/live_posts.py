"""The live post table: the release's posts first, then those that came later, in the order in which they came."""

import numpy as np

from cluster.id_index import IdIndex
from cluster.post_table import PostTable
from deployments.catalogue.growable import Growable
from kernels.columns import I32, I64, PostColumns


class LivePosts:
    """Growable columns of posts and authors. A row number stays valid for ever."""

    def __init__(self, table: PostTable) -> None:
        """Take over the posts of `table`, whose ids ascend."""
        self._post_ids, self._author_ids = Growable(table.post_ids), Growable(table.author_ids)
        self._post_index, self._author_index = IdIndex(table.post_ids), IdIndex(table.author_ids)
        columns = table.columns._asdict()
        #: Of all posts together: never grows, but may be written to as all others.
        self._whole = {name: np.array(columns.pop(name)) for name in ("prior",)}
        self._columns = {name: Growable(array) for name, array in columns.items()}
        self._view()

    def __len__(self) -> int:
        return len(self._post_ids)

    def add_posts(self, ids: I64) -> I32:
        """Append posts, distinct and new; their rows. All their columns are zeros."""
        rows = _append(self._post_ids, ids)
        self._post_index = self._post_index.adding(ids, rows)
        self._extend(len(ids), of_authors=False)
        return rows

    def add_authors(self, ids: I64) -> I32:
        """Append authors, distinct and new; their rows."""
        rows = _append(self._author_ids, ids)
        self._author_index = self._author_index.adding(ids, rows)
        self._extend(len(ids), of_authors=True)
        return rows

    def _extend(self, count: int, of_authors: bool) -> None:
        for name, column in self._columns.items():
            if name.startswith("author_") == of_authors:
                column.extend(count)
        self._view()

    def _view(self) -> None:
        #: The posts as they are now: a table of views, replaced when rows are added.
        self.table = PostTable(
            self._post_ids.view,
            self._author_ids.view,
            PostColumns(**{name: column.view for name, column in self._columns.items()}, **self._whole),
            self._post_index,
            self._author_index,
        )


def _append(ids: Growable, new: I64) -> I32:
    begin = len(ids)
    ids.extend(len(new))
    ids.view[begin:] = new
    return np.arange(begin, len(ids), dtype=np.int32)
