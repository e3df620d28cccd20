import msgspec
import pytest
from aiohttp import web

from benchmarks.same_feeds import agreement, ask
from cluster.errors import CascadeError
from tests.benchmarks.servers import answers, feed, serving


def test_each_user_is_asked_for_at_the_same_instant():
    asked = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(body=msgspec.json.encode(feed(items=3)))

    with serving(handle) as address:
        assert ask(address.url, [7, 8], 1234, 3) == [[0, 1, 2]] * 2
    assert [body["user_id"] for body in asked] == [7, 8]
    assert {(body["context"]["time_ms"], body["limit"]) for body in asked} == {(1234, 3)}


@pytest.mark.parametrize("handler", [answers(status=500), answers(body=b"{}")])
def test_what_is_no_feed_is_an_error(handler):
    with serving(handler) as address, pytest.raises(CascadeError, match="does not answer a feed"):
        ask(address.url, [7], 0, 3)


def test_agreement_tells_order_and_posts_apart():
    found = agreement([[1, 2], [3, 4], [5, 6], []], [[1, 2], [4, 3], [5, 7], []])
    assert (found.feeds, found.identical, found.shared_posts) == (4, 2, 0.8333)
