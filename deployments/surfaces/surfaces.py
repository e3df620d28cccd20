"""The surfaces that a request may name."""

from typing import Final

from deployments.pipeline.executor import Pipeline
from deployments.surfaces.bandit import with_bandit
from deployments.surfaces.distributed import distributed, ranked_elsewhere
from deployments.surfaces.explore import explore
from deployments.surfaces.home import home
from deployments.surfaces.parts import Parts

#: Share of the time left that feeds wait for a ranker that is no part of this Cascade.
PATIENCE: Final = 0.5


def surfaces(parts: Parts) -> dict[str, Pipeline]:
    """The pipeline of each surface, without the filters that the settings switch off, and with backends and bandit, if
    any.
    """
    disabled = parts.settings.filters.disabled
    made = {name: make(parts).without(disabled) for name, make in {"home": home, "explore": explore}.items()}
    patience = PATIENCE if parts.backends is None else parts.backends.patience
    made = {name: ranked_elsewhere(pipeline, parts.release.ranker, patience) for name, pipeline in made.items()}
    if parts.backends is not None:
        made = {name: distributed(pipeline, parts, parts.backends) for name, pipeline in made.items()}
    if parts.bandit is None:
        return made
    return {name: with_bandit(pipeline, parts, parts.bandit) for name, pipeline in made.items()}
