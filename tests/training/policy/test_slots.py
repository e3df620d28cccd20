import numpy as np
import pytest

from cluster.errors import CascadeError
from training.data.dataset import DataSet
from training.policy.slots import CONTEXT, SOURCES, Slots, slots_of
from training.policy.sources import try_sources

FOLLOWING = SOURCES.index("following")


def test_what_happens_is_drawn_from_the_chances(slots: Slots) -> None:
    error = np.sqrt((slots.chance * (1 - slots.chance)).sum(axis=0)) / len(slots)
    assert (np.abs(slots.reward.mean(axis=0) - slots.chance.mean(axis=0)) < 5 * error).all()
    assert (slots.chance[~slots.allowed] == 0).all()
    assert (slots.chance[slots.allowed] > 0).all()
    assert slots.allowed.any(axis=1).all()


def test_who_follows_nobody_or_is_on_explore_has_nothing_followed(slots: Slots) -> None:
    explore, nobody = (slots.x[:, CONTEXT.index(name)] == 1 for name in ("explore", "follows nobody"))
    assert explore.any()
    assert not slots.allowed[explore | nobody, FOLLOWING].any()
    assert slots.allowed[~explore & ~nobody, FOLLOWING].mean() > 0.5


def test_which_source_is_best_depends_on_the_context(slots: Slots) -> None:
    newcomer = slots.x[:, CONTEXT.index("newcomer")] == 1
    familiar = slots.x[:, CONTEXT.index("history")] > np.log1p(50) / 6
    popular, topical = (slots.chance[:, SOURCES.index(name)] for name in ("popular", "topical"))
    # Whose taste is not known is not served by it.
    assert topical[newcomer].mean() < 1.05 * popular[newcomer].mean()
    assert topical[familiar].mean() > 1.15 * popular[familiar].mean()


def test_the_same_seed_gives_the_same_slots(world: DataSet, slots: Slots) -> None:
    again = slots_of(world, 500, seed=1)
    # Chunks end elsewhere, so only what is not drawn is the same in a shorter list.
    assert np.array_equal(again.x, slots.x[:500])
    assert np.array_equal(again.chance, slots_of(world, 500, seed=1).chance)


def test_a_log_that_is_too_short_is_refused(world: DataSet) -> None:
    with pytest.raises(CascadeError, match="impressions are wanted"):
        try_sources(world, 10**6, 1, 0.1)
