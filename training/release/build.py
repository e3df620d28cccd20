"""Building a release: everything that serving needs of one data set and its trained models, in one folder."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import faiss
import msgspec
import numpy as np

from cluster.errors import CascadeError
from cluster.release import Release, Releases
from kernels.actions import ACTIONS, COUNT
from kernels.columns import I32, PostColumns
from kernels.decay import MONTH, WEEK, WINDOWS_MS
from kernels.features import NAMES, coverage
from training.data.dataset import DataSet
from training.features.examples import day_number
from training.features.history import post_table_at
from training.features.log import Log
from training.release.index import build_index

#: What the two-tower, pre-rank and rank steps leave in their work folders for serving.
_MODELS: Final = {"two_tower": "two_tower", "prerank/prerank.npz": "prerank.npz", "ranker": "ranker"}
#: Files of a step that are about its training only.
_NOT_SERVED: Final = ("metrics.json", "*.ubj", "runs", "*.partial")
_VERSIONS: Final = ("cascade-feed", "torch", "xgboost-cpu", "faiss-cpu", "numba", "numpy")


def build_release(
    releases: Releases, dataset: DataSet, work: Path, content_encoder: str, until: int | None = None
) -> Release:
    """Make a release of the models in `work`, with the posts and counters as they are at the end of `dataset`.

    `until` (yyyymmdd): at the end of that day instead, as if nothing had happened since. `content_encoder` is
    declared as what embeds the posts that come later. Raises CascadeError when a model is missing.
    """
    log = Log.load(dataset, until)
    end_ms = dataset.manifest.end_ms if until is None else log.day_start_ms(day_number(str(until)) + 1)
    posts = post_table_at(log, end_ms)
    with releases.building() as part:
        for source, target in _MODELS.items():
            _copy(work / source, part / target)
        index, report = build_index(np.load(part / "two_tower" / "post_vectors.npy"))
        faiss.write_index(index, str(part / "posts.faiss"))
        posts.save(part / "posts")
        np.save(part / "user_ids.npy", log.users.ids)
        np.save(part / "popular.npy", popular_rows(posts.columns))
        (part / "vocabularies.json").write_bytes(msgspec.json.encode(log.vocabularies))
        return releases.seal(
            part,
            dataset=dataset.manifest.name,
            dataset_fingerprint=dataset.manifest.fingerprint,
            data_end_ms=end_ms,
            utc_offset_ms=log.utc_offset_ms,
            features=NAMES,
            heads=tuple(json.loads((part / "ranker" / "config.json").read_text())["heads"]),
            content_encoder=content_encoder,
            coverage=coverage(dataset.manifest.coverage),
            metrics={**_metrics(work), "index": report.as_dict()},
            versions={name: version(name) for name in _VERSIONS},
        )


def popular_rows(posts: PostColumns) -> I32:
    """All post rows, most positive actions lately first: those decayed over a week, then over four."""
    positive = [COUNT[name] for name in ACTIONS if name in ("like", "comment", "share", "save", "follow", "long_view")]
    # Ages are told from the newest counter, which keeps the sums comparable.
    age_ms = (posts.counted_ms.max(initial=0) - posts.counted_ms)[:, None]
    left = np.exp(-age_ms / np.array(WINDOWS_MS)[[WEEK, MONTH]])
    week, month = (posts.counts[:, [WEEK, MONTH]][:, :, positive].sum(axis=2) * left).T
    return np.lexsort((-month, -week)).astype(np.int32)


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise CascadeError(f"{source} is missing", "train the models first: `cascade train all`")
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_NOT_SERVED))
    else:
        shutil.copy(source, target)


def _metrics(work: Path) -> dict[str, Any]:
    """What each training step measured."""
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(work.glob("*/metrics.json"))}
