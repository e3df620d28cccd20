"""Metrics of a consumer, exported by Ray."""

from ray.util.metrics import Counter, Gauge


class ConsumerMetrics:
    """Lag, throughput and entries set aside; each has the consumer's name as a tag."""

    def __init__(self, consumer: str) -> None:
        tags = {"consumer": consumer}
        self._lag = Gauge("cascade_consumer_lag", "Entries not applied yet.", tag_keys=("consumer",))
        self._applied = Counter("cascade_consumer_entries", "Entries applied.", tag_keys=("consumer",))
        self._poisoned = Counter("cascade_consumer_poisoned", "Entries set aside.", tag_keys=("consumer",))
        for metric in (self._lag, self._applied, self._poisoned):
            metric.set_default_tags(tags)

    def lag(self, entries: int) -> None:
        self._lag.set(entries)

    def applied(self, entries: int) -> None:
        self._applied.inc(entries)

    def poisoned(self) -> None:
        self._poisoned.inc()
