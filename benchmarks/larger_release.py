"""Releases of more posts than there are: copies of a release's own, under new ids, each a little different."""

import shutil
from pathlib import Path
from typing import Final

import faiss
import numpy as np

from cluster.live_release import LiveFile, with_live
from cluster.post_table import PostTable, columns_at
from cluster.release import MANIFEST, Release, Releases
from kernels.columns import F32, I64
from training.models.post_tower import unit
from training.release.build import popular_rows
from training.release.index import build_index

#: How far copies lie from what they are copies of, as a share of the vectors' own length.
SPREAD: Final = 0.5
#: Arrays with a row a post, and those with one for "unknown" before them.
_VECTORS: Final = ("two_tower/post_vectors.npy", "two_tower/history_vectors.npy")
_WITH_UNKNOWN: Final = ("ranker/post.weight.npy", "ranker/wide.post.npy")
_MADE_ANEW: Final = ("posts", "posts.faiss", "popular.npy", MANIFEST)
#: Fields of a manifest that are of a release itself.
_OWN: Final = ("release", "format", "created_ms", "files", "metrics")


def enlarge(source: Release, releases: Releases, posts: int) -> Release:
    """Make a release of `posts` posts in `releases`, live there: those of `source`, and copies of them.

    Raises ValueError for fewer than there are.
    """
    table = PostTable.load(source.folder / "posts")
    if posts < len(table):
        raise ValueError(f"{posts} posts are fewer than {len(table)}")
    rows, rng = np.arange(posts) % len(table), np.random.default_rng(0)
    larger = _table(table, rows, rng)
    with releases.building() as part:
        shutil.copytree(source.folder, part, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_MADE_ANEW))
        for name in _VECTORS:
            np.save(part / name, _copies(_array(source, name), rows, rng))
        for name in _WITH_UNKNOWN:
            weights = _array(source, name)
            np.save(part / name, np.concatenate([weights[:1], weights[1:][rows]]))
        larger.save(part / "posts")
        np.save(part / "popular.npy", popular_rows(larger.columns))
        index, report = build_index(_array_of(part / _VECTORS[0]), np.zeros((0, 0), np.float32))
        faiss.write_index(index, str(part / "posts.faiss"))
        manifest = source.manifest
        kept = {name: getattr(manifest, name) for name in manifest.__struct_fields__ if name not in _OWN}
        made = releases.seal(part, **kept, metrics={**manifest.metrics, "index": report.as_dict()})
    LiveFile(releases.root).change(lambda record: with_live(record, made.name, "start"))
    return made


def _table(table: PostTable, rows: I64, rng: np.random.Generator) -> PostTable:
    """The posts `rows`; the first ones keep their ids, authors stay as they are."""
    columns = columns_at(table.columns, rows)
    content = unit(_copies(table.columns.content, rows, rng))
    further = np.arange(1, len(rows) - len(table) + 1) + table.post_ids[-1]
    ids = np.concatenate([table.post_ids, further])
    return PostTable(ids, table.author_ids, columns._replace(content=content))


def _copies(vectors: F32, rows: I64, rng: np.random.Generator) -> F32:
    """Rows of `vectors` [P, D]: the first of each as it is, further ones around it."""
    copies: F32 = vectors[rows]
    further = copies[len(vectors) :]
    lengths = np.sqrt(np.einsum("nd,nd->n", further, further) / vectors.shape[1])[:, None]
    further += np.float32(SPREAD) * lengths * rng.standard_normal(further.shape, np.float32)
    return copies


def _array(release: Release, name: str) -> F32:
    return _array_of(release.folder / name)


def _array_of(path: Path) -> F32:
    return np.asarray(np.load(path, mmap_mode="r"))
