"""What surfaces are built from."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.settings import Settings
from deployments.bandit.source_bandit import SourceBandit
from deployments.catalogue.catalogue import Catalogue
from deployments.counters.live_counters import LiveCounters
from deployments.distributed.backends import ReleaseBackends
from deployments.loaded_release import LoadedRelease
from deployments.pipeline.side_effect import SideEffect
from deployments.query_hydrators.user_state import UserStates


@dataclass(frozen=True, slots=True)
class Parts:
    """One release with all that lives beside it. `side_effects` are those of feeds that people see.

    Without a `bandit` no source is favoured and nothing is explored, whatever the settings say: feeds then follow from
    what is known. Without `backends` index and ranker are those of the release, in this process.
    """

    release: LoadedRelease
    catalogue: Catalogue
    counters: LiveCounters
    store: UserStates
    settings: Settings
    side_effects: Sequence[SideEffect] = ()
    bandit: SourceBandit | None = None
    backends: ReleaseBackends | None = None
