"""Any surface with a source that is favoured, and a slot that explores."""

from dataclasses import replace
from itertools import chain

from deployments.bandit.source_bandit import SourceBandit
from deployments.pipeline.executor import Pipeline
from deployments.query_hydrators.favoured_source import FavouredSource
from deployments.selectors.exploration import ExplorationSlot, Explore
from deployments.selectors.rerank import Rerank
from deployments.sources.exploration import Exploration
from deployments.surfaces.parts import Parts


def with_bandit(pipeline: Pipeline, parts: Parts, bandit: SourceBandit) -> Pipeline:
    """A surface's pipeline: one more source, one draw behind the filters, and the slot behind the rules."""
    catalogue, settings = parts.catalogue, parts.settings
    slot = ExplorationSlot(settings.bandit.slot)
    steps = ([step, slot] if isinstance(step, Rerank) else [step] for step in pipeline.steps)
    return replace(
        pipeline,
        query_hydrators=[
            *pipeline.query_hydrators,
            FavouredSource(bandit, pipeline.sources, settings.bandit.given_up),
        ],
        sources=[*pipeline.sources, Exploration(catalogue, settings.bandit)],
        steps=[Explore(catalogue, settings.bandit.slot), *chain.from_iterable(steps)],
    )
