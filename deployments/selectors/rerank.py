"""The feed itself: the best candidates under the business rules."""

from dataclasses import replace

from cluster.ranking_rules import rerank_rules
from cluster.settings import Rules
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector
from deployments.pipeline.query import Query
from kernels.rerank import rerank


class Rerank(Selector):
    name = "rerank"

    def __init__(self, catalogue: Catalogue, rules: Rules) -> None:
        self._catalogue = catalogue
        self._rules = rerank_rules(rules)

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        posts = self._catalogue.posts.columns
        authors = posts.author[candidates.rows]
        age_ms = query.now_ms - posts.created_ms[candidates.rows]
        feed = rerank(candidates.score, authors, age_ms, self._rules, query.request.limit)
        return replace(candidates.take(feed.order), score=feed.scores)
