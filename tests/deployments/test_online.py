"""Online learning in a running Cascade: what feeds promise is kept, and its consumer runs."""

import redis

from cluster.learning import Online
from cluster.served import decode_served, sampled, served_key
from kernels.actions import ACTIONS
from tests.deployments.conftest import Served
from tests.waiting import until


def test_what_is_promised_to_the_users_one_learns_from_is_kept(served: Served) -> None:
    users = served.dataset.read("users", ["user_id"])["user_id"].to_pylist()
    share = Online().share
    taught = next(user for user in users if sampled(user, share))
    other = next(user for user in users if not sampled(user, share))
    with redis.Redis.from_url(served.run.store_url) as store:
        feed, unkept = served.feed(user_id=taught), served.feed(user_id=other)
        blob = until(lambda: store.get(served_key(feed["request_id"])))
        assert store.get(served_key(unkept["request_id"])) is None
        assert 0 < store.ttl(served_key(feed["request_id"])) <= 3600
    kept = decode_served(blob)
    assert kept.release == feed["release"]
    assert kept.post_ids.tolist() == [item["post_id"] for item in feed["items"]]
    assert set(kept.heads) <= set(ACTIONS)
    for item, logits in zip(feed["items"], kept.logits, strict=True):
        for head, logit in zip(kept.heads, logits.tolist(), strict=True):
            assert abs(1 / (1 + 2.718281828**-logit) - item["heads"][head]) < 1e-4


def test_its_consumer_runs(served: Served) -> None:
    def told() -> set[str]:
        return {consumer["name"] for consumer in served.request("GET", "/v1/status").json()["consumers"]}

    until(lambda: "online" in told())
