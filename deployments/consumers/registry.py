"""The consumers of a Cascade."""

from cluster import effects, event_log
from deployments.consumers.archive import archive_specs
from deployments.consumers.posts import PostsConsumer
from deployments.consumers.specification import ConsumerSpec
from deployments.consumers.users import UsersConsumer


def consumer_specs() -> list[ConsumerSpec]:
    """Every consumer; the first of a stream trims it."""
    return [
        ConsumerSpec(UsersConsumer.name, event_log.STREAM, "events", UsersConsumer.make),
        ConsumerSpec(PostsConsumer.name, effects.STREAM.decode(), "state", PostsConsumer.make),
        *archive_specs(),
    ]
