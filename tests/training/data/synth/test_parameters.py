"""Parameters of a synthetic world."""

import pytest

from cluster.errors import InvalidField
from training.data.synth.parameters import Parameters


@pytest.mark.parametrize(("field", "value"), [("users", 0), ("posts", -1), ("days", 0), ("seed", -1), ("drift", 2.0)])
def test_what_is_out_of_range_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(InvalidField, match=f"{field} has value {value}"):
        Parameters(**{field: value})  # type: ignore[arg-type]


def test_streams_are_independent_of_each_other_and_the_same_each_time() -> None:
    parameters = Parameters(seed=5)
    draws = {
        (stage, day): parameters.rng(stage, day).integers(1 << 60)
        for stage in ("graph", "plan", "session")
        for day in range(3)
    }
    assert len(set(draws.values())) == len(draws)
    assert parameters.rng("plan", 2).integers(1 << 60) == draws["plan", 2]
    assert Parameters(seed=6).rng("plan", 2).integers(1 << 60) != draws["plan", 2]
