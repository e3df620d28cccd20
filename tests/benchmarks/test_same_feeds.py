import msgspec
import pytest
from aiohttp import web

from benchmarks.same_feeds import Asking, agreement, ask
from cluster.errors import CascadeError
from tests.benchmarks.servers import answers, feed, serving

ASKING = Asking(users=[7, 8], time_ms=1234, limit=3, release="2022-05-04")


def test_each_user_is_asked_for_at_the_same_instant():
    asked = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(body=msgspec.json.encode(feed(items=3)))

    with serving(handle) as address:
        assert ask(address.url, ASKING) == [[0, 1, 2]] * 2
    assert [body["user_id"] for body in asked] == [7, 8]
    assert {(body["context"]["time_ms"], body["limit"]) for body in asked} == {(1234, 3)}


@pytest.mark.parametrize("handler", [answers(status=500), answers(body=b"{}")])
def test_what_is_no_feed_is_an_error(handler):
    with serving(handler) as address, pytest.raises(CascadeError, match="does not answer a feed"):
        ask(address.url, ASKING)


def test_another_release_is_an_error():
    asking = msgspec.structs.replace(ASKING, release="another")
    with serving(answers()) as address, pytest.raises(CascadeError, match="release 2022-05-04, not another"):
        ask(address.url, asking)


def test_agreement_tells_order_and_posts_apart():
    found = agreement([[1, 2], [3, 4], [5, 6], []], [[1, 2], [4, 3], [5, 7], []])
    assert (found.feeds, found.identical, found.shared_posts) == (4, 2, 0.8333)
