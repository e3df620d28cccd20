"""The surfaces that a request may name."""

from deployments.pipeline.executor import Pipeline
from deployments.surfaces.bandit import with_bandit
from deployments.surfaces.explore import explore
from deployments.surfaces.home import home
from deployments.surfaces.parts import Parts


def surfaces(parts: Parts) -> dict[str, Pipeline]:
    """The pipeline of each surface, without the filters that the settings switch off, and with the bandit, if any."""
    disabled = parts.settings.filters.disabled
    made = {name: make(parts).without(disabled) for name, make in {"home": home, "explore": explore}.items()}
    if parts.bandit is None:
        return made
    return {name: with_bandit(pipeline, parts, parts.bandit) for name, pipeline in made.items()}
