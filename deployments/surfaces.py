"""What each surface is made of: the pipelines, as lists one can read."""

from collections.abc import Sequence

from cluster.settings import Settings
from deployments.catalogue.catalogue import Catalogue
from deployments.counters.live_counters import LiveCounters
from deployments.filters.authors import Blocked, Muted
from deployments.filters.removed import Removed
from deployments.filters.seen import Seen
from deployments.filters.unpublished import Unpublished
from deployments.hydrators.features import Features
from deployments.loaded_release import LoadedRelease
from deployments.pipeline.components import SideEffect
from deployments.pipeline.executor import Pipeline
from deployments.query_hydrators.user_state import UserStateHydrator, UserStates
from deployments.scorers.prerank import PreRank
from deployments.scorers.rank import Rank
from deployments.scorers.utility import Utility
from deployments.selectors.first import First
from deployments.selectors.rerank import Rerank
from deployments.selectors.top import Top
from deployments.sources.following import Following
from deployments.sources.fresh import Fresh
from deployments.sources.long_term import LongTerm
from deployments.sources.popular import Popular
from deployments.sources.trending import Trending


def suggestions(
    release: LoadedRelease,
    catalogue: Catalogue,
    counters: LiveCounters,
    store: UserStates,
    settings: Settings,
    side_effects: Sequence[SideEffect],
) -> Pipeline:
    """Posts from everywhere, for `home` and `explore` alike."""
    quotas = settings.quotas
    return Pipeline(
        query_hydrators=[UserStateHydrator(store, release, catalogue)],
        sources=[
            LongTerm(catalogue, quotas.long_term),
            Following(catalogue, quotas.following, quotas.following_hours),
            Popular(release.popular, catalogue, quotas.popular),
            Trending(counters, quotas.trending),
            Fresh(catalogue, quotas.fresh, quotas.fresh_hours),
        ],
        steps=[
            Removed(catalogue),
            Unpublished(catalogue),
            Seen(catalogue),
            Blocked(catalogue),
            Muted(catalogue),
            First(quotas.prerank),
            Features(catalogue),
            PreRank(release.forest),
            Top(quotas.rank),
            Rank(release.ranker),
            Utility(release.ranker.heads, settings.rules.weights),
            Rerank(catalogue, settings.rules),
        ],
        posts=catalogue,
        side_effects=side_effects,
    )


def surfaces(
    release: LoadedRelease,
    catalogue: Catalogue,
    counters: LiveCounters,
    store: UserStates,
    settings: Settings,
    side_effects: Sequence[SideEffect] = (),
) -> dict[str, Pipeline]:
    """The pipeline of each surface that a request may name; `side_effects` are those of feeds that people see."""
    pipeline = suggestions(release, catalogue, counters, store, settings, side_effects)
    return {"home": pipeline, "explore": pipeline}
