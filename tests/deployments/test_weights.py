"""The weights that count for a request."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from cluster.rules import Rules
from deployments.scorers.weights import Weights
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import query

HEADS = ("like", "hide", "watch_time")
LIVE = catalogue(20)
RULES = Rules(
    weights={"like": 1, "hide": -20, "watch_time": 60, "ad_value": 1},
    weights_for=[
        {"surfaces": ["explore"], "weights": {"like": 2}},
        {"segments": ["new"], "weights": {"hide": -5, "like": 3}},
        {"arms": ["test/on", "other/a"], "weights": {"ad_value": 7, "like": 4}},
    ],
)


def weighed(surface, seen: tuple[int, ...] = (), **arms: str) -> tuple[list[float], float]:
    asked = replace(query(LIVE.posts, seen=seen), arms=arms)
    heads, ad_value = Weights(surface, HEADS, RULES).of(asked)
    assert heads.dtype == np.float32
    return heads.tolist(), ad_value


def test_the_last_row_counts_that_is_for_the_request():
    active = tuple(range(1000, 1020))
    assert weighed("home", active) == ([1, -20, 1], 1)
    assert weighed("explore", active) == ([2, -20, 1], 1)
    assert weighed("home") == ([3, -5, 1], 1)
    assert weighed("explore") == ([3, -5, 1], 1)
    assert weighed("home", active, test="on") == ([4, -20, 1], 7)
    assert weighed("explore", test="off", other="a") == ([4, -5, 1], 7)
    assert weighed("home", active, test="off") == ([1, -20, 1], 1)


def test_requests_of_one_kind_share_their_weights():
    weights = Weights("home", HEADS, RULES)
    assert weights.of(query(LIVE.posts)).heads is weights.of(query(LIVE.posts)).heads


@pytest.mark.parametrize(
    "row", [{"weights": {"love": 1}}, {"surfaces": ["attic"], "weights": {}}, {"segments": ["vip"], "weights": {}}]
)
def test_what_is_not_there_is_refused(row):
    with pytest.raises(ValidationError, match=r"weights_for.0"):
        Rules(weights_for=[row])
