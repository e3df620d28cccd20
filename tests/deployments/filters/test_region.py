import pytest

from cluster.wire import Context
from deployments.filters.region import Region
from tests.deployments.catalogue.releases import catalogue, post
from tests.deployments.queries import candidates, query


def allowed(live, region: str | None, *rows: int) -> list[bool]:
    asked = query(live.posts, context=Context(region=region))
    return Region(live).keep(asked, candidates(*rows)).tolist()


def test_a_post_is_shown_in_its_regions_only():
    live = catalogue(20)
    assert not Region(live).enabled(query(live.posts))
    live.apply([post(5000, only_regions=["north", "atlantis"]), post(5001), post(1003, only_regions=["south"])])
    assert Region(live).enabled(query(live.posts))
    assert allowed(live, "north", 3, 4, 20, 21) == [False, True, True, True]
    assert allowed(live, "south", 3, 4, 20, 21) == [True, True, False, True]
    assert allowed(live, "atlantis", 3, 20) == [False, True], "a region that the release has never heard of"


@pytest.mark.parametrize("region", [None, "", "elsewhere"])
def test_where_a_user_is_must_be_known_to_allow_it(region):
    live = catalogue(20)
    live.apply([post(5000, only_regions=["north"]), post(5001, only_regions=[])])
    assert allowed(live, region, 0, 20, 21) == [True, False, False]


def test_a_limit_can_be_lifted():
    live = catalogue(20)
    live.apply([post(5000, only_regions=["north"])])
    live.apply([post(5000)])
    assert allowed(live, "south", 20) == [True]
