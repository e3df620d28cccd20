"""Building a release: everything that serving needs of one data set and its trained models, in one folder."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import faiss
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cluster.ads import AD, NO_CAP
from cluster.ads import FILE as ADS
from cluster.errors import CascadeError
from cluster.post_table import PostTable
from cluster.release import Release, Releases
from kernels.actions import POSITIVE_COUNTS
from kernels.columns import F32, I32, PostColumns
from kernels.decay import MONTH, WEEK, WINDOWS_MS
from kernels.features import NAMES, coverage
from training.data.dataset import DataSet
from training.features.examples import day_number
from training.features.history import History
from training.features.log import Log
from training.features.sequences import held_out_users
from training.models.ranker import RankerModel
from training.models.ranker_network import Shape
from training.models.two_tower import UserTower
from training.release.held_out import FILE as HELD_OUT
from training.release.held_out import HeldOut, held_out_table, last_day, measure, predict
from training.release.held_out_people import measure_retrieval
from training.release.index import build_index
from training.release.reference import write_references
from training.release.similar_authors import FILE as SIMILAR
from training.release.similar_authors import similar_authors
from training.release.user_vectors import some_user_vectors

#: What the two-tower, pre-rank and rank steps leave in their work folders for serving.
_MODELS: Final = {
    "two_tower": "two_tower",
    "session": "session",
    "prerank/prerank.npz": "prerank.npz",
    "ranker": "ranker",
}
#: Files of a step that are about its training only.
_NOT_SERVED: Final = ("metrics.json", "*.ubj", "runs", "*.partial")
_VERSIONS: Final = ("cascade-feed", "torch", "xgboost-cpu", "faiss-cpu", "numba", "numpy")


def build_release(
    releases: Releases,
    dataset: DataSet,
    work: Path,
    content_encoder: str,
    recipe: tuple[str, str],
    until: int | None = None,
) -> Release:
    """Make a release of the models in `work`, with the posts and counters as they are at the end of `dataset`.

    `until` (yyyymmdd): at the end of that day instead, as if nothing had happened since. `content_encoder` is
    declared as what embeds the posts that come later, `recipe` (name and fingerprint) as how the models were trained.
    Raises CascadeError when a model is missing.
    """
    log = Log.load(dataset, until)
    end_ms = dataset.manifest.end_ms if until is None else log.day_start_ms(day_number(str(until)) + 1)
    history = History(log)
    held_out = held_out_table(log, history)
    history.advance(end_ms)
    posts = PostTable(log.posts.ids, log.posts.author_ids, history.posts)
    metrics = _metrics(work)
    with releases.building() as part:
        for source, target in _MODELS.items():
            _copy(work / source, part / target)
        vectors = np.load(part / "two_tower" / "post_vectors.npy")
        index, report = build_index(vectors, some_user_vectors(log, UserTower.load(part / "two_tower"), end_ms))
        faiss.write_index(index, str(part / "posts.faiss"))
        posts.save(part / "posts")
        np.save(part / "user_ids.npy", log.users.ids)
        np.save(part / "popular.npy", popular_rows(posts.columns))
        np.save(part / ADS, ad_rows(dataset, posts))
        np.save(part / SIMILAR, similar_authors(vectors, posts.columns.author, len(posts.author_ids)))
        (part / "vocabularies.json").write_bytes(msgspec.json.encode(log.vocabularies))
        pq.write_table(held_out, part / HELD_OUT, compression="zstd")
        write_references(part, log, history, end_ms, part / "ranker", Shape(**metrics["ranker"]["shape"]))
        model = RankerModel.load(part / "ranker")
        return releases.seal(
            part,
            dataset=dataset.manifest.name,
            dataset_fingerprint=dataset.manifest.fingerprint,
            data_end_ms=end_ms,
            utc_offset_ms=log.utc_offset_ms,
            features=NAMES,
            heads=model.heads,
            recipe=recipe[0],
            recipe_fingerprint=recipe[1],
            content_encoder=content_encoder,
            coverage=coverage(dataset.manifest.coverage),
            metrics={**metrics, "index": report.as_dict()},
            held_out={
                **measure(HeldOut.of(held_out), last_day(log), model.heads, _predicted(model, held_out)),
                "retrieval": measure_retrieval(log, part / "two_tower", _not_learned_from(log, metrics["two_tower"])),
            },
            versions={name: version(name) for name in _VERSIONS},
        )


def popular_rows(posts: PostColumns) -> I32:
    """All post rows, most positive actions lately first: those decayed over a week, then over four."""
    # Ages are told from the newest counter, which keeps the sums comparable.
    age_ms = (posts.counted_ms.max(initial=0) - posts.counted_ms)[:, None]
    left = np.exp(-age_ms / np.array(WINDOWS_MS)[[WEEK, MONTH]])
    week, month = (posts.counts[:, [WEEK, MONTH]][:, :, POSITIVE_COUNTS].sum(axis=2) * left).T
    return np.lexsort((-month, -week)).astype(np.int32)


def ad_rows(dataset: DataSet, posts: PostTable) -> NDArray[np.void]:
    """The ads of a data set, AD[A] by row."""
    table = dataset.read("ads", ("post_id", "bid", "daily_cap"))
    ads = np.empty(table.num_rows, AD)
    ads["row"] = posts.post_rows(table["post_id"].to_numpy())
    ads["bid"] = table["bid"].to_numpy()
    ads["daily_cap"] = table["daily_cap"].fill_null(NO_CAP).to_numpy()
    return np.sort(ads[ads["row"] >= 0], order="row")


def _predicted(model: RankerModel, held_out: pa.Table) -> F32:
    held, (users, posts) = HeldOut.of(held_out), (held_out[name].to_numpy() for name in ("user_row", "post_row"))
    return predict(model, held, users.astype(np.int64), posts.astype(np.int64), held.x)


def _not_learned_from(log: Log, two_tower: dict[str, Any]) -> NDArray[np.bool_]:
    how = two_tower["config"]
    return held_out_users(len(log.users.ids), how["held_out"], how["seed"])


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
