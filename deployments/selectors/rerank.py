"""The feed itself: the best candidates under the business rules."""

from dataclasses import replace

from cluster.ranking_rules import rerank_rules
from cluster.rules import Rules
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector
from deployments.pipeline.query import Query
from deployments.selectors.campaigns import Campaigns
from kernels.boosts import RerankPosts, RerankViewer
from kernels.columns import DAY_MS, F32, I32
from kernels.rerank import rerank


class Rerank(Selector):
    name = "rerank"
    reason = "behind the last place of the page"

    def __init__(self, catalogue: Catalogue, rules: Rules) -> None:
        self._catalogue = catalogue
        self._rules = rerank_rules(rules)
        self._campaigns = Campaigns(catalogue, rules.campaigns)
        self._new_ms = rules.new_creator_days * DAY_MS

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        ruled, apart = candidates.apart()
        posts = self._posts(query, ruled.rows, ruled.score)
        feed = rerank(posts, self._viewer(query), self._rules, query.request.limit)
        query.reranked = feed
        arranged = replace(ruled.take(feed.order), score=feed.scores)
        return arranged.then(apart) if len(apart) else arranged

    def _posts(self, query: Query, rows: I32, scores: F32) -> RerankPosts:
        columns = self._catalogue.posts.columns
        authors = columns.author[rows]
        return RerankPosts(
            scores=scores,
            authors=authors,
            age_ms=query.now_ms - columns.created_ms[rows],
            kinds=columns.kind[rows],
            new=query.now_ms - self._catalogue.author_since_ms[authors] < self._new_ms,
            campaigns=self._campaigns.factors(query, rows),
            content=columns.content[rows],
        )

    def _viewer(self, query: Query) -> RerankViewer:
        """Close friends, and whose posts the history says were shown, when."""
        user = query.user
        known = user.history_post >= 0
        return RerankViewer(
            close=user.follow_author[user.follow_close_ms < query.now_ms],
            served=self._catalogue.posts.columns.author[user.history_post[known]],
            served_age_ms=query.now_ms - user.history_time_ms[known],
        )
