"""The ranker of a release, computed as the settings say."""

import numpy as np

from cluster.errors import CascadeError
from cluster.id_index import rows_of
from cluster.post_table import PostTable
from cluster.ranker_backend import DEFAULT, RankerBackend
from cluster.release import Release
from deployments.scorers.rank import Ranker
from kernels.columns import F32
from training.models.ranker import RankerModel
from training.release.reference import read_references


def load_ranker(release: Release, backend: RankerBackend) -> Ranker:
    """Load it; may be called in a thread.

    Raises CascadeError for a backend that is not there, and for one that predicts the release's reference requests
    otherwise than the trained network did, by more than `backend.max_error`.
    """
    ranker = _loaded(release, backend)
    if backend != DEFAULT:  # the default is judged by the gates
        error = prediction_error(ranker, release)
        if not error <= backend.max_error:
            raise CascadeError(
                f"release {release.name} is refused: {backend.told} its predictions differ by {error:.2g}, "
                f"which is more than {backend.max_error:g}",
                "serve it in fp32, or set ranker.max_error to more",
            )
    return ranker


def _loaded(release: Release, backend: RankerBackend) -> Ranker:
    # Imported where they are wanted: they take seconds, and hundreds of megabytes.
    if backend.triton_url is not None:
        from deployments.triton.ranker import TritonRanker

        return TritonRanker.open(backend.triton_url, release)
    if backend.device == "cuda":
        from training.models.ranker_torch import TorchRanker

        return TorchRanker.load(release.folder / "ranker", backend.device, backend.precision)
    return RankerModel.load(release.folder / "ranker", backend.precision)


def prediction_error(ranker: Ranker, release: Release) -> float:
    """The largest difference of a prediction of the reference requests from that of the trained network."""
    posts = PostTable.load(release.folder / "posts")
    users = np.load(release.folder / "user_ids.npy", mmap_mode="r")
    errors = [0.0]
    for reference in read_references(release.folder):
        user = int(rows_of(np.array([reference.request.user_id]), users)[0])
        rows = posts.post_rows(reference.posts).astype(np.int64)
        errors.append(largest_error(ranker.predict(user, rows, reference.features), reference.trained))
    return float(np.max(errors))  # NaN stays


def largest_error(predicted: F32, trained: F32) -> float:
    """Of predictions [C, H]: absolute, or relative where the trained network's is above 1."""
    return float((np.abs(predicted - trained) / np.maximum(np.abs(trained), 1)).max(initial=0))
