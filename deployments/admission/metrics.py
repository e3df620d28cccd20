"""Metrics of admission, exported by Ray."""

from collections import Counter as Counts

from ray.util.metrics import Counter, Gauge

from deployments.admission.admission import Admission


class AdmissionMetrics:
    """Told once in a while, not for each request: a metric costs more than an admission."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._told: Counts[str] = Counts()
        self._feeds = Counter(
            "cascade_feeds", "Feeds admitted, and refused by reason: late, full, stale.", tag_keys=("outcome",)
        )
        self._quality = Gauge("cascade_quality", "Share of the candidates that feeds are made of.")
        self._wait = Gauge("cascade_predicted_wait_ms", "What a request that comes now is predicted to wait.")
        self._service = Gauge("cascade_service_ms", "What one feed takes of the event loop.")
        self._in_flight = Gauge("cascade_feeds_in_flight", "Feeds admitted and not answered yet.")

    async def tell(self) -> None:
        """Export what the admission counts."""
        status = self._admission.status()
        counts = Counts({"admitted": status.admitted, **status.refused})
        for outcome, more in (counts - self._told).items():
            self._feeds.inc(more, {"outcome": outcome})
        self._told = counts
        self._quality.set(status.quality)
        self._wait.set(status.wait_ms)
        self._service.set(status.service_ms)
        self._in_flight.set(status.in_flight)
