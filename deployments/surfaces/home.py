"""`home`: what those published whom the user follows, then suggestions from everywhere; ads in slots of their own."""

from deployments.filters.advertised import Advertised, FrequencyCap
from deployments.filters.authors import Blocked, Muted
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
from deployments.scorers.ad_value import AdValue
from deployments.scorers.prerank import PreRank
from deployments.scorers.rank import Rank
from deployments.scorers.utility import Utility
from deployments.scorers.weights import Weights
from deployments.selectors.ad_slots import AdSlots
from deployments.selectors.first import First
from deployments.selectors.followed_first import FollowedFirst
from deployments.selectors.rerank import Rerank
from deployments.selectors.top import Top
from deployments.sources.ads import Ads
from deployments.sources.following import Following
from deployments.sources.fresh import Fresh
from deployments.sources.long_term import LongTerm
from deployments.sources.popular import Popular
from deployments.sources.session import Session
from deployments.sources.similar_creators import SimilarCreators
from deployments.sources.trending import Trending
from deployments.surfaces.parts import Parts


def home(parts: Parts) -> Pipeline:
    """The pipeline of `home`."""
    release, catalogue = parts.release, parts.catalogue
    settings = parts.settings
    quotas, filters, rules, ads = settings.quotas, settings.filters, settings.rules, settings.ads
    weights = Weights("home", release.ranker.heads, rules)
    return Pipeline(
        query_hydrators=[UserStateHydrator(parts.store, release, catalogue)],
        sources=[
            Following(catalogue, quotas.following, quotas.following_hours),
            SimilarCreators(release.similar_authors, catalogue, quotas.similar_creators, quotas.following_hours),
            Session(catalogue, quotas.session),
            LongTerm(catalogue, quotas.long_term),
            Popular(release.popular, catalogue, quotas.popular),
            Trending(parts.counters, quotas.trending),
            Fresh(catalogue, quotas.fresh, quotas.fresh_hours),
            Ads(catalogue, quotas.ads),
        ],
        filters=[
            Removed(catalogue),
            Unpublished(catalogue),
            Region(catalogue),
            Blocked(catalogue),
            Muted(catalogue),
            Served(catalogue),
            Advertised(catalogue),
            FrequencyCap(catalogue),
        ],
        soft_filters=[
            Recency(catalogue, filters.recency_days),
            Quality(catalogue, filters.quality_floor),
            CreatorFatigue(catalogue, filters.creator_impressions),
            FeedbackFatigue(catalogue, filters.fewer_weight),
            ShownLately(catalogue),
            Seen(catalogue, filters.seen_hours),
        ],
        steps=[
            FollowedFirst(catalogue),
            First(quotas.prerank),
            Features(catalogue),
            PreRank(release.forest),
            NearDuplicate(catalogue, filters.near_duplicate),
            Top(quotas.rank),
            Rank(release.ranker),
            Utility(weights),
            AdValue(catalogue, release.ranker.heads, ads, weights),
            Rerank(catalogue, rules),
            AdSlots(catalogue, ads.slots),
        ],
        posts=catalogue,
        side_effects=parts.side_effects,
    )
