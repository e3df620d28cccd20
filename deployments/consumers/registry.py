"""The consumers of a Cascade."""

from cluster.event_log import STREAM
from deployments.consumers.archive import NAME as ARCHIVE
from deployments.consumers.archive import Archivist
from deployments.consumers.specification import ConsumerSpec


def consumer_specs() -> list[ConsumerSpec]:
    """Every consumer; the first of a stream trims it."""
    return [ConsumerSpec(ARCHIVE, STREAM, "events", Archivist.make)]
