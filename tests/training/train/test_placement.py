"""Where runs compute."""

from dataclasses import replace

import pytest

from cluster.errors import CascadeError, InvalidField
from cluster.ray_runtime import RaySession
from training.train.placement import Placement, workers_of


@pytest.mark.parametrize(("text", "workers"), [("1", (1, 1)), ("4", (4, 4)), ("1:4", (1, 4))])
def test_workers_are_a_number_or_a_range(text: str, workers: tuple[int, int]) -> None:
    assert workers_of(text) == workers


@pytest.mark.parametrize("text", ["0", "-1", "4:1", "two", "1:", "1:2:3", ""])
def test_other_numbers_of_workers_are_refused(text: str) -> None:
    with pytest.raises(InvalidField, match="--workers has value"):
        workers_of(text)


def test_ray_train_is_asked_for_what_the_placement_says() -> None:
    elastic = Placement((1, 4), gpus=True).scaling
    assert (elastic.min_workers, elastic.max_workers, elastic.elasticity_enabled) == (1, 4, True)
    assert (elastic.use_gpu, elastic.num_gpus_per_worker) == (True, 1)
    fixed = Placement((2, 2)).scaling
    assert (fixed.num_workers, fixed.elasticity_enabled, fixed.num_gpus_per_worker) == (2, False, 0)


def test_only_what_changes_the_result_is_decisive() -> None:
    here = Placement()
    assert replace(here, retries=0, patience_s=1.0).decisive == here.decisive
    assert len({str(place.decisive) for place in (here, Placement((1, 2)), Placement(gpus=True))}) == 3


def test_a_cluster_without_room_is_not_waited_for_for_ever(ray_session: RaySession) -> None:
    asked = r"no room for 99 workers with 0.5 CPU each, and 1 CPU to read with: it has 4 CPU, of which [\d.]+ CPU"
    with pytest.raises(CascadeError, match=asked):
        Placement((99, 99), patience_s=0.5).check_room()
    with pytest.raises(CascadeError, match=r"no room for 1 workers with 0.5 CPU and 1 GPU each"):
        Placement(gpus=True, patience_s=0.5).check_room()
    Placement((2, 99)).check_room()  # what is asked for before is not held
