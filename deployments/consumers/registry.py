"""The consumers of a Cascade."""

from cluster import effects, event_log
from cluster.settings import Settings
from deployments.consumers.archive import archive_specs
from deployments.consumers.bandit import bandit_specs
from deployments.consumers.hook import hook_specs
from deployments.consumers.online import online_specs
from deployments.consumers.posts import PostsConsumer
from deployments.consumers.specification import ConsumerSpec
from deployments.consumers.users import UsersConsumer


def consumer_specs(settings: Settings) -> list[ConsumerSpec]:
    """Every consumer; the first of a stream trims it. Raises CascadeError when the settings name a hook in vain."""
    return [
        ConsumerSpec(UsersConsumer.name, event_log.STREAM, "events", UsersConsumer.make),
        ConsumerSpec(PostsConsumer.name, effects.STREAM.decode(), "state", PostsConsumer.make),
        *archive_specs(),
        *online_specs(settings),
        *bandit_specs(settings),
        *hook_specs(settings),
    ]
