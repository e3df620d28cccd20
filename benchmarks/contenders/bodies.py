"""Bodies of POST /v1/feed as pydantic models, as FastAPI's users write them."""

from typing import Literal

import msgspec
from pydantic import BaseModel, Field

from cluster.wire import MAX_DEADLINE_MS, MAX_ID, MAX_LIMIT, FeedRequest


class ContextBody(BaseModel):
    time_ms: int | None = Field(None, ge=0, le=MAX_ID)
    device: str | None = Field(None, max_length=64)
    connection: str | None = Field(None, max_length=64)
    app_version: str | None = Field(None, max_length=64)
    region: str | None = Field(None, max_length=64)


class FeedBody(BaseModel):
    """A request."""

    user_id: int = Field(ge=0, le=MAX_ID)
    surface: Literal["home", "explore"] = "home"
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    deadline_ms: int | None = Field(None, ge=1, le=MAX_DEADLINE_MS)
    context: ContextBody = ContextBody()
    cursor: str | None = None
    refresh: bool = False

    def request(self) -> FeedRequest:
        """The same as the pipeline takes it."""
        return msgspec.convert(self.model_dump(), FeedRequest)


class ItemBody(BaseModel):
    post_id: int
    author_id: int
    score: float
    heads: dict[str, float]
    sources: list[str]
    ad: bool = False


class FeedAnswer(BaseModel):
    """A feed."""

    request_id: str
    release: str
    items: list[ItemBody]
    cold_start: bool
    degraded: list[str]
    relaxed: list[str]
    coverage: float
    timings_ms: dict[str, float]
    arms: dict[str, str] = {}
    cursor: str | None = None
