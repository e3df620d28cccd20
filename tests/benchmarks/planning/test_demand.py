import math

import pytest

from benchmarks.planning.demand import NodeShape
from cluster.errors import InvalidField
from tests.benchmarks.planning.asked import demand, goals


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dau", 0),
        ("dau", -1),
        ("dau", math.nan),
        ("dau", math.inf),
        ("users", 1),  # fewer than come on a day
        ("model_users", -1),
        ("model_users", 1e9),  # more than there are
        ("posts", 0),
        ("posts", math.nan),
        ("dim", 0),
        ("feeds_per_user_day", 0),
        ("events_per_feed", -1),
        ("peak_factor", 0.5),
        ("regions", 0),
    ],
)
def test_demand_that_cannot_be_names_option_value_and_limits(field, value):
    with pytest.raises(InvalidField, match="must be") as told:
        demand(**{field: value})
    assert told.value.field == "--" + field.replace("_", "-")
    assert told.value.value is value


@pytest.mark.parametrize(
    ("field", "value"),
    [("utilisation", 0), ("utilisation", 1.1), ("zones", 0), ("copies", 0), ("store_gib", 0), ("retention_hours", 0)],
)
def test_goals_that_cannot_be_are_refused(field, value):
    with pytest.raises(InvalidField, match=field.replace("_", "-")):
        goals(**{field: value})


@pytest.mark.parametrize("shape", [(0, 512.0, None), (64, 0.0, None), (64, math.nan, None), (64, 512.0, -1.0)])
def test_nodes_that_cannot_be_are_refused(shape):
    with pytest.raises(InvalidField, match="--node-"):
        NodeShape(*shape)


def test_regions_share_the_load():
    whole, part = demand(dau=8.64e6), demand(dau=8.64e6, regions=4)
    assert whole.feeds_mean == 2000
    assert whole.feeds_peak == 4000
    assert part.events_peak == whole.events_peak / 4 == 4000 * 12 / 4
