"""A fraction of the work: for trying things out, and for tests of what comes after training."""

from dataclasses import replace

from training.recipes.default import default
from training.recipes.recipe import Recipe


def quick() -> Recipe:
    base = default()
    return replace(
        base,
        two_tower=replace(base.two_tower, epochs=3),
        session=replace(base.session, epochs=1),
        mf=replace(base.mf, sweeps=3),
        prerank=replace(base.prerank, trees=25),
        ranker=replace(base.ranker, epochs=1),
    )
