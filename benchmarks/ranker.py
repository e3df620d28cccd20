"""`cascade bench ranker`: the ranker of a release in each precision, and in torch: how long, and how exact."""

from typing import Annotated, Final

import numpy as np
from cyclopts import Parameter

from benchmarks.documents.ranker import ranker_document
from benchmarks.kernels import interleaved
from benchmarks.machine import describe, instructions
from benchmarks.ranker_report import TOP, HeadError, Report, Result, table
from benchmarks.telling import Dated, tell
from cluster.errors import CascadeError
from cluster.id_index import rows_of
from cluster.live_release import LiveFile
from cluster.post_table import PostTable
from cluster.ranker_backend import Precision, RankerBackend
from cluster.ranking_rules import utility_weights
from cluster.release import Release, Releases
from cluster.settings import load_settings
from deployments.rankers.loading import load_ranker
from deployments.scorers.rank import Ranker
from kernels.columns import F32, I64
from kernels.utility import utility
from training.models.dense import has_bf16
from training.models.ranker import OF_REQUEST, RankerModel, RankRequest
from training.models.ranker_torch import TorchRanker
from training.release.held_out import HeldOut

REQUESTS: Final = 64
#: Requests that `predict_many` is given.
TOGETHER: Final = 8


def ranker(
    *,
    release: str | None = None,
    candidates: int = 100,
    seconds: float = 5.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    dated: Dated = False,
) -> None:
    """Time a release's ranker in fp32, bf16 and int8, and in torch, and tell what that does to its predictions.

    Requests are those of users of the release's held-out day, with candidates drawn from all of its rows. The last
    line is one JSON document.

    Parameters
    ----------
    release
        The release; default: the live one.
    candidates
        Of each request.
    seconds
        Time given to each comparison.
    as_json
        Print the JSON document only.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    settings = load_settings()
    found = Releases(settings.releases).get(release or LiveFile(settings.releases).need().live)
    requests = requests_of(found, candidates)
    rankers = _rankers(found)
    times = _times(rankers, requests, seconds)
    weights = utility_weights(settings.rules.weights, rankers["fp32"].heads)
    exact = [rankers["fp32"].predict(*request) for request in requests]
    results = {
        name: _result(each, exact, requests, weights, times[name], times[f"{name} together"])
        for name, each in rankers.items()
    }
    report = Report("ranker", describe(), found.name, candidates, TOGETHER, instructions(), results)
    tell(report, None if as_json else table(report), dated=ranker_document(report) if dated else None)


def requests_of(release: Release, candidates: int) -> list[RankRequest]:
    """Requests of the held-out day's users. Raises CascadeError where there is no such day."""
    held, rng = HeldOut.load(release.folder), np.random.default_rng(0)
    if not len(held.x):
        raise CascadeError(f"release {release.name} holds out no rows", "name another with --release")
    users = rows_of(held.user_id, np.load(release.folder / "user_ids.npy", mmap_mode="r"))
    posts = PostTable.load(release.folder / "posts").post_rows(held.post_id).astype(np.int64)
    requests = []
    for asking in rng.integers(0, len(held.x), REQUESTS):
        rows = rng.integers(0, len(held.x), candidates)
        x = held.x[rows]
        x[:, OF_REQUEST] = held.x[asking, OF_REQUEST]
        requests.append(RankRequest(int(users[asking]), posts[rows], x))
    return requests


def _rankers(release: Release) -> dict[str, Ranker]:
    """In NumPy in each precision that this processor has, whatever its error, and in torch; fp32 is the first."""
    folder = release.folder / "ranker"
    rankers: dict[str, Ranker] = {"fp32": RankerModel.load(folder)}
    reduced: list[Precision] = ["bf16", "int8"] if has_bf16() else ["int8"]
    for precision in reduced:
        rankers[precision] = load_ranker(release, RankerBackend(precision=precision, max_error=1e9))
    return rankers | {"torch": TorchRanker.load(folder, "cpu", "fp32")}


def _times(rankers: dict[str, Ranker], requests: list[RankRequest], seconds: float) -> dict[str, float]:
    """Median microseconds a request, alone and together."""
    batches = [requests[i : i + TOGETHER] for i in range(0, len(requests), TOGETHER)]
    alone = {name: [lambda r=r, each=each: each.predict(*r) for r in requests] for name, each in rankers.items()}
    together = {
        f"{name} together": [lambda b=b, each=each: each.predict_many(b) for b in batches]
        for name, each in rankers.items()
    }
    us = {name: float(np.median(of)) for name, of in interleaved(alone, seconds).items()}
    return us | {name: float(np.median(of)) / TOGETHER for name, of in interleaved(together, seconds).items()}


def _result(
    ranker: Ranker,
    exact: list[F32],
    requests: list[RankRequest],
    weights: F32,
    request_us: float,
    together_us: float,
) -> Result:
    predicted = [ranker.predict(*request) for request in requests]
    errors = np.abs(np.concatenate(predicted) - np.concatenate(exact))
    orders = [(_order(of, weights), _order(to, weights)) for of, to in zip(predicted, exact, strict=True)]
    return Result(
        request_us=round(request_us, 1),
        together_us=round(together_us, 1),
        heads={
            head: HeadError(float(errors[:, h].max()), float(errors[:, h].mean()))
            for h, head in enumerate(ranker.heads)
        },
        correlation=float(np.mean([np.corrcoef(of.argsort(), to.argsort())[0, 1] for of, to in orders])),
        overlap=float(np.mean([len(np.intersect1d(of[:TOP], to[:TOP])) / len(to[:TOP]) for of, to in orders])),
    )


def _order(predictions: F32, weights: F32) -> I64:
    """Candidates by utility, best first."""
    total = np.empty(len(predictions), np.float32)
    utility(predictions, weights, total)
    return np.argsort(-total, kind="stable")
