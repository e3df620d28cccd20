"""Every feature of Cascade, defined once: name, group, default, and the data columns that it needs.

`kernels.assembly` computes them in this order; training, the pre-ranker, the ranker and explanations all read the
names from here. Adding a feature means one line here and one in the kernel and its twin.
"""

from collections import namedtuple
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from kernels.columns import CONTENT_DIM


class Group(StrEnum):
    USER = "user"
    POST = "post"
    USER_POST = "user_post"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Feature:
    """A float32 column of the feature matrix. `needs` names data-set columns; without them it is `default`."""

    name: str
    group: Group
    meaning: str
    needs: tuple[str, ...] = ()
    default: float = 0.0


#: Two events further apart than this belong to two sessions.
SESSION_GAP_MS: Final = 30 * 60 * 1000
#: "Never" for the features that count hours since something.
NEVER_HOURS: Final = 10_000.0

#: Actions whose rates describe a user's last week, in the order of their features.
USER_RATES: Final = ("long_view", "like", "comment", "share", "follow", "hide")
#: Actions whose rates describe a post, in the order of its rate features.
POST_RATES: Final = ("long_view", "like", "comment", "share", "save", "follow", "click", "hide")


def _rates(subject: str, window: str, actions: tuple[str, ...], group: Group) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            f"{subject}_{action}_rate_{window}",
            group,
            f"smoothed {action} actions per impression, {window}",
            (f"impressions.{action}",),
        )
        for action in actions
    )


USER: Final = (
    Feature("user_account_age_days", Group.USER, "days since the account was made", ("users.created_ms",), -1.0),
    Feature("user_followers", Group.USER, "people who follow the user", ("users.followers",)),
    Feature("user_following", Group.USER, "people whom the user follows", ("users.following",)),
    Feature("user_session_minutes", Group.USER, "minutes since the running session began; 0 for a new one"),
    Feature("user_preferred_kind", Group.USER, "content type most often liked lately", ("posts.kind",), -1.0),
    Feature("user_active_hours", Group.USER, "share of the user's impressions within an hour of this hour of day"),
    Feature("user_hours_since_last", Group.USER, "hours since the last impression", (), NEVER_HOURS),
    Feature("user_impressions_1h", Group.USER, "impressions, decayed over an hour"),
    *_rates("user", "1h", ("long_view", "like"), Group.USER),
    Feature("user_impressions_1d", Group.USER, "impressions, decayed over a day"),
    *_rates("user", "1d", ("long_view", "like"), Group.USER),
    Feature("user_impressions_7d", Group.USER, "impressions, last 7 days"),
    *_rates("user", "7d", USER_RATES, Group.USER),
    Feature("user_watch_s_7d", Group.USER, "seconds watched, last 7 days", ("impressions.watch_ms",)),
    Feature("user_impressions_lag14d", Group.USER, "impressions, 8 to 14 days ago"),
    *_rates("user", "lag14d", ("long_view", "like"), Group.USER),
    Feature("user_watch_s_lag14d", Group.USER, "seconds watched, 8 to 14 days ago", ("impressions.watch_ms",)),
    Feature("user_impressions_28d", Group.USER, "impressions, decayed over 28 days"),
    *_rates("user", "28d", ("long_view", "like"), Group.USER),
)

POST: Final = (
    Feature("post_age_hours", Group.POST, "hours since publication", ("posts.created_ms",)),
    Feature("post_kind", Group.POST, "content type code", ("posts.kind",)),
    Feature("post_topic", Group.POST, "topic code", ("posts.topic",)),
    Feature("post_duration_s", Group.POST, "length of the video", ("posts.duration_ms",)),
    Feature("post_caption_length", Group.POST, "characters in the caption", ("posts.caption_length",)),
    Feature("post_hashtags", Group.POST, "hashtags in the caption", ("posts.hashtags",)),
    Feature("post_has_location", Group.POST, "1 when the post carries a place", ("posts.has_location",)),
    Feature("post_impressions_1h", Group.POST, "impressions, decayed over an hour"),
    Feature("post_impressions_1d", Group.POST, "impressions, decayed over a day"),
    Feature("post_impressions_7d", Group.POST, "impressions, decayed over 7 days"),
    Feature("post_impressions_28d", Group.POST, "impressions, decayed over 28 days"),
    *_rates("post", "28d", POST_RATES, Group.POST),
    *_rates("post", "7d", ("long_view", "like"), Group.POST),
    *_rates("post", "1d", ("long_view", "like"), Group.POST),
    Feature("post_trend", Group.POST, "positive actions of this hour beyond what the day leads to expect"),
    Feature("post_watch_s_28d", Group.POST, "smoothed seconds watched per impression", ("impressions.watch_ms",)),
    Feature("author_impressions_28d", Group.POST, "impressions of the author's posts, decayed over 28 days"),
    Feature("author_posts", Group.POST, "posts the author has published"),
    Feature("author_engagement_rate_28d", Group.POST, "likes, comments, shares, saves and follows per impression"),
    *_rates("author", "28d", ("long_view",), Group.POST),
    *(
        Feature(f"post_content_{i}", Group.POST, f"content embedding, dimension {i}", ("posts.embedding",))
        for i in range(CONTENT_DIM)
    ),
)

USER_POST: Final = (
    Feature("follows_author", Group.USER_POST, "1 when the user follows the author", ("follows.author_id",)),
    Feature("close_friend", Group.USER_POST, "1 when the author is a close friend", ("follows.author_id",)),
    Feature("author_seen", Group.USER_POST, "posts of the author in the user's history"),
    Feature("author_positive", Group.USER_POST, "of these, how many got a positive action"),
    Feature("author_hours_since", Group.USER_POST, "hours since the last post of the author", (), NEVER_HOURS),
    Feature("author_shown_1d", Group.USER_POST, "impressions of the author, decayed over a day"),
    Feature("author_affinity", Group.USER_POST, "positive actions on the author, decayed over 28 days"),
    Feature("topic_shown_1d", Group.USER_POST, "impressions of the topic, decayed over a day", ("posts.topic",)),
    Feature("topic_affinity", Group.USER_POST, "positive actions on the topic, decayed over 28 days", ("posts.topic",)),
    Feature("topic_seen", Group.USER_POST, "posts of the topic in the user's history", ("posts.topic",)),
    Feature("topic_match", Group.USER_POST, "share of the user's positive actions on the topic", ("posts.topic",)),
    Feature("kind_match", Group.USER_POST, "share of the user's positive actions on the kind", ("posts.kind",)),
    Feature("post_seen", Group.USER_POST, "times this post is in the user's history"),
    Feature("post_positive", Group.USER_POST, "of these, how many got a positive action"),
    Feature("post_hours_since", Group.USER_POST, "hours since the user last saw this post", (), NEVER_HOURS),
    Feature("content_affinity", Group.USER_POST, "post content . mean content liked", ("posts.embedding",)),
    Feature("region_match", Group.USER_POST, "1 when user and post share a known region", ("posts.region",)),
)

CONTEXT: Final = (
    Feature("hour_of_day", Group.CONTEXT, "local hour, 0 to 23"),
    Feature("day_of_week", Group.CONTEXT, "local day, 0 = Monday"),
    Feature("surface", Group.CONTEXT, "surface code", ("impressions.surface",)),
    Feature("device", Group.CONTEXT, "device code", ("impressions.device",)),
    Feature("connection", Group.CONTEXT, "connection code", ("impressions.connection",)),
    Feature("app_version", Group.CONTEXT, "app version code", ("impressions.app_version",)),
    Feature("region", Group.CONTEXT, "region code of the request", ("impressions.region",)),
)

FEATURES: Final = (*USER, *POST, *USER_POST, *CONTEXT)
NAMES: Final = tuple(feature.name for feature in FEATURES)
INDEX: Final = {name: i for i, name in enumerate(NAMES)}
#: Column numbers by name, in the form that kernels read as constants: `AT.post_age_hours`.
AT: Final[Any] = namedtuple("AT", NAMES)(*range(len(NAMES)))


def coverage(columns: dict[str, float]) -> dict[str, float]:
    """Share of rows for which each feature has its data: the least covered of the columns that it needs.

    `columns` maps `table.column` to the share of non-null rows; a column that is not named there is absent.
    """
    return {f.name: min((columns.get(need, 0.0) for need in f.needs), default=1.0) for f in FEATURES}
