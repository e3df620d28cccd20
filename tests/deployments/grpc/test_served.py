"""The same service as by HTTP, through Ray Serve: real replicas, real stores, a trained release."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import msgspec
import psutil
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from cluster.posts import Post
from cluster.processes.stopping import users_of
from cluster.wire import FeedResponse
from deployments.grpc import cascade_pb2 as pb
from deployments.grpc.calls import SERVICE
from deployments.grpc.health import HEALTH
from deployments.grpc.messages import filled
from tests.deployments.conftest import Served, listens
from tests.deployments.grpc.calling import call, fault
from tests.waiting import until

pytestmark = pytest.mark.serving

TIMEOUT_S = 30


@pytest.fixture
def channel(served: Served) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.run.grpc_address) as channel:
        yield channel


def answered(channel: grpc.Channel, name: str, **fields: Any) -> Any:
    return call(channel, name, **fields)(timeout=TIMEOUT_S)


def refused(channel: grpc.Channel, name: str, **fields: Any) -> tuple[grpc.StatusCode, pb.Fault]:
    with pytest.raises(grpc.RpcError) as caught:
        answered(channel, name, **fields)
    return caught.value.code(), fault(caught.value)


def test_a_feed_is_the_same_as_by_http(served: Served, channel: grpc.Channel):
    user = served.dataset.read("impressions", ["user_id"])["user_id"][0].as_py()
    now_ms = served.request("GET", "/v1/status").json()["feed_time_ms"]
    asked = {"user_id": user, "limit": 20, "explain": True, "context": {"time_ms": now_ms, "device": "phone"}}
    fields = ("items", "release", "cold_start", "degraded", "relaxed", "coverage")

    def same() -> tuple[Any, Any] | None:
        """Both answers, if nothing that other tests did to posts came between the two."""
        by_http = filled(pb.FeedResponse, msgspec.convert(served.feed(**asked), FeedResponse))
        feed = answered(channel, "Feed", deadline_ms=10_000, **asked)
        return (feed, by_http) if all(getattr(feed, f) == getattr(by_http, f) for f in fields) else None

    feed, by_http = until(same)
    assert "store" not in feed.degraded
    assert len(feed.items) == 20
    assert feed.items[0].features
    assert feed.timings_ms.keys() == by_http.timings_ms.keys()
    assert msgspec.json.decode(feed.explanation).keys() == msgspec.json.decode(by_http.explanation).keys()
    again = answered(channel, "Explain", request_id=feed.request_id)
    assert [item.why for item in again.items] == [item.why for item in feed.items]
    assert msgspec.json.decode(feed.items[0].why).keys() >= {"utility", "influences"}
    second = answered(channel, "Feed", deadline_ms=10_000, cursor=feed.cursor, user_id=user)
    assert not {item.post_id for item in feed.items} & {item.post_id for item in second.items}


def test_a_bad_feed_request_is_told_what_is_wrong_as_by_http(served: Served, channel: grpc.Channel):
    for asked in ({"user_id": 1, "limit": 501}, {"user_id": 1, "surface": "attic"}, {}, {"user_id": 1, "cursor": "x"}):
        code, found = refused(channel, "Feed", **asked)
        by_http = served.request("POST", "/v1/feed", asked).json()["error"]
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert (found.field, msgspec.json.decode(found.value), found.message) == tuple(by_http.values())


def test_posts_are_published_changed_told_and_deleted(served: Served, channel: grpc.Channel):
    post_id, nobody = 2**61 + 5, 2**61 + 6
    post = {"post_id": post_id, "author_id": 3, "caption": "A cat", "topic": "cats", "tags": ["cat"], "region": "north"}
    published = answered(channel, "PublishPosts", posts=[post, {"post_id": nobody}])
    assert (published.accepted, [error.field for error in published.errors]) == (1, ["posts[1].author_id"])

    def by_http() -> pb.Post:
        return filled(pb.Post, msgspec.convert(served.request("GET", f"/v1/posts/{post_id}").json(), Post))

    told = answered(channel, "GetPost", post_id=post_id)
    assert told == by_http()
    assert (told.caption, list(told.tags), told.hashtags, told.region) == ("A cat", ["cat"], 1, "north")
    change = {"has_location": True, "kind": "photo"}
    changed = answered(channel, "ChangePost", post_id=post_id, change=change, unknown=["region"])
    assert changed == by_http()
    assert (changed.has_location, changed.kind, changed.HasField("region")) == (True, "photo", False)
    assert refused(channel, "ChangePost", post_id=post_id, unknown=["colour"])[1].field == "colour"
    assert answered(channel, "DeletePost", post_id=post_id).deleted
    for name in ("GetPost", "DeletePost", "ChangePost"):
        code, found = refused(channel, name, post_id=post_id)
        assert (code, found.field) == (grpc.StatusCode.NOT_FOUND, "post_id")
    assert refused(channel, "Explain", request_id="nothing")[0] is grpc.StatusCode.NOT_FOUND


def test_who_calls_from_elsewhere_is_refused_by_every_server_of_serve(served: Served):
    here = [a.address for addresses in psutil.net_if_addrs().values() for a in addresses if a.family == socket.AF_INET]
    elsewhere = [address for address in here if not address.startswith("127.")]
    if not elsewhere:
        pytest.skip("this machine has no other address than loopback")
    ports = {port for p in users_of(served.run.ray_folder) for _, ip, port in listens(p) if ip == "::"}
    codes = []
    for port in ports:
        with grpc.insecure_channel(f"{elsewhere[0]}:{port}") as channel, pytest.raises(grpc.RpcError) as caught:
            answered(channel, "Feed", user_id=1)
        codes.append(caught.value.code())
    assert codes.count(grpc.StatusCode.PERMISSION_DENIED) >= 3, "two replicas, and what stands in for them"
    # The channel between replicas has no such call; others of its calls ask for Ray's token.
    assert set(codes) <= {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}


def test_the_server_tells_its_state_its_health_and_its_calls(served: Served, channel: grpc.Channel):
    for _ in range(100):  # consumers tell of themselves once a second
        status = answered(channel, "GetStatus")
        if {consumer.name for consumer in status.consumers} >= {"users", "archive"}:
            break
        time.sleep(0.2)
    else:
        pytest.fail(f"consumers are not told: {status}")
    assert (status.ready, status.release, status.store.available) == (True, served.run.release, True)
    assert status.catalogue.posts > 0
    assert channel.unary_unary(HEALTH)(b"", timeout=TIMEOUT_S) == b"\x08\x01"
    described = DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName(SERVICE.full_name)
    assert [method.name for method in described.methods] == [method.name for method in SERVICE.methods]
