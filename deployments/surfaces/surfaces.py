"""The surfaces that a request may name."""

from deployments.pipeline.executor import Pipeline
from deployments.surfaces.explore import explore
from deployments.surfaces.home import home
from deployments.surfaces.parts import Parts


def surfaces(parts: Parts) -> dict[str, Pipeline]:
    """The pipeline of each surface, without the filters that the settings switch off."""
    disabled = parts.settings.filters.disabled
    return {name: make(parts).without(disabled) for name, make in {"home": home, "explore": explore}.items()}
