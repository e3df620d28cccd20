"""Who is answered by which release."""

import logging
from dataclasses import dataclass

from cluster.errors import InvalidField
from cluster.live_release import Trial
from cluster.wire import FeedRequest, FeedResponse
from deployments.admission.admission import TooBusy, Visit
from deployments.releases.bundle import Bundle
from deployments.releases.shadow import Shadow

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Canary:
    """A release that answers its share of users."""

    trial: Trial
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class Traffic:
    """The releases of one moment; exchanged as a whole, so that a request sees the same ones to its end."""

    live: Bundle
    canary: Canary | None = None
    shadow: Shadow | None = None

    @property
    def trial(self) -> Trial | None:
        """What is on trial."""
        beside = self.canary or self.shadow
        return beside.trial if beside else None

    @property
    def bundles(self) -> dict[str, Bundle]:
        """All releases by name."""
        beside = self.canary or self.shadow
        return {bundle.name: bundle for bundle in (self.live, beside.bundle if beside else self.live)}

    async def answer(self, request: FeedRequest, started: float, visit: Visit | None = None) -> FeedResponse:
        """A feed from the release of the user who asks. Raises InvalidField, and TooBusy where `visit` does."""
        if self.canary is not None and self.canary.trial.takes(request.user_id):
            try:
                return await self.canary.bundle.feeds.answer(request, started, visit)
            except (InvalidField, TooBusy):
                raise
            except Exception:
                logger.exception("release %s failed; the live one answers", self.canary.bundle.name)
        answer = await self.live.feeds.answer(request, started, visit)
        if self.shadow is not None:
            self.shadow.offer(request, answer)
        return answer
