"""Any surface with index or ranker in other processes."""

from dataclasses import replace

from deployments.corrections.corrected import CorrectedRanker
from deployments.distributed.backends import ReleaseBackends
from deployments.pipeline.executor import Pipeline
from deployments.rankers.remote import RemoteRank
from deployments.retrieval.neighbours import Neighbours
from deployments.scorers.rank import Elsewhere, Rank, Ranker
from deployments.sources.nearest import Nearest
from deployments.surfaces.parts import Parts


def distributed(pipeline: Pipeline, parts: Parts, backends: ReleaseBackends) -> Pipeline:
    """A surface's pipeline that asks shards before its sources."""
    nearest = [source for source in pipeline.sources if isinstance(source, Nearest)]
    retrieval = [Neighbours(backends.retriever, parts.catalogue, nearest, backends.patience)]
    return replace(pipeline, retrieval=retrieval)


def ranked_elsewhere(pipeline: Pipeline, ranker: Ranker, patience: float) -> Pipeline:
    """A surface's pipeline that waits for its ranker, if others compute it, up to a share of the time left."""
    if not (isinstance(ranker, CorrectedRanker) and isinstance(ranker.own, Elsewhere)):
        return pipeline
    remote = RemoteRank(ranker.own, ranker, patience)
    return replace(pipeline, steps=[remote if isinstance(step, Rank) else step for step in pipeline.steps])
