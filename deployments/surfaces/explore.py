"""`explore`: discovery, of creators whom the user does not follow."""

from deployments.filters.advertised import Advertised
from deployments.filters.authors import Blocked, Followed, Muted
from deployments.filters.creator_fatigue import CreatorFatigue
from deployments.filters.feedback_fatigue import FeedbackFatigue
from deployments.filters.near_duplicate import NearDuplicate
from deployments.filters.quality import Quality
from deployments.filters.recency import Recency
from deployments.filters.region import Region
from deployments.filters.removed import Removed
from deployments.filters.seen import Seen
from deployments.filters.served import Served
from deployments.filters.shown_lately import ShownLately
from deployments.filters.unpublished import Unpublished
from deployments.hydrators.features import Features
from deployments.pipeline.executor import Pipeline
from deployments.query_hydrators.user_state import UserStateHydrator
from deployments.scorers.prerank import PreRank
from deployments.scorers.rank import Rank
from deployments.scorers.utility import Utility
from deployments.scorers.weights import Weights
from deployments.selectors.first import First
from deployments.selectors.rerank import Rerank
from deployments.selectors.top import Top
from deployments.sources.fresh import Fresh
from deployments.sources.long_term import LongTerm
from deployments.sources.popular import Popular
from deployments.sources.session import Session
from deployments.sources.trending import Trending
from deployments.surfaces.parts import Parts


def explore(parts: Parts) -> Pipeline:
    """The pipeline of `explore`."""
    release, catalogue = parts.release, parts.catalogue
    quotas, filters, rules = parts.settings.quotas, parts.settings.filters, parts.settings.rules
    weights = Weights("explore", release.ranker.heads, rules)
    return Pipeline(
        query_hydrators=[UserStateHydrator(parts.store, release, catalogue)],
        sources=[
            Session(catalogue, quotas.session),
            LongTerm(catalogue, quotas.long_term),
            Trending(parts.counters, quotas.trending),
            Fresh(catalogue, quotas.fresh, quotas.fresh_hours),
            Popular(release.popular, catalogue, quotas.popular),
        ],
        filters=[
            Removed(catalogue),
            Unpublished(catalogue),
            Region(catalogue),
            Blocked(catalogue),
            Muted(catalogue),
            Served(catalogue),
            Advertised(catalogue),
        ],
        soft_filters=[
            Recency(catalogue, filters.recency_days),
            Quality(catalogue, filters.quality_floor),
            CreatorFatigue(catalogue, filters.creator_impressions),
            FeedbackFatigue(catalogue, filters.fewer_weight),
            Followed(catalogue),
            ShownLately(catalogue),
            Seen(catalogue, filters.seen_hours),
        ],
        steps=[
            First(quotas.prerank),
            Features(catalogue),
            PreRank(release.forest),
            NearDuplicate(catalogue, filters.near_duplicate),
            Top(quotas.rank),
            Rank(release.ranker),
            Utility(weights),
            Rerank(catalogue, rules),
        ],
        posts=catalogue,
        side_effects=parts.side_effects,
    )
