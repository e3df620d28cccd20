"""Relations with the time since which they hold, against a plain dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.data.synth.graph import NEVER, Edges, make_graph
from training.data.synth.parameters import Parameters
from training.data.synth.population import make_people

USERS = 6
EVENTS = st.lists(st.tuples(st.integers(0, USERS - 1), st.integers(0, USERS - 1), st.integers(0, 9)), max_size=12)


def columns(events: list[tuple[int, int, int]]) -> tuple[np.ndarray, ...]:
    return tuple(np.array([event[i] for event in events], np.int64) for i in range(3))


@given(EVENTS, EVENTS)
def test_edges_are_a_dictionary_of_earliest_times(
    first: list[tuple[int, int, int]], later: list[tuple[int, int, int]]
) -> None:
    known: dict[tuple[int, int], int] = {}
    for user, author, time in first:
        known[user, author] = min(time, known.get((user, author), time))
    news: dict[tuple[int, int], int] = {}
    for user, author, time in later:
        news[user, author] = min(time, news.get((user, author), time))
    edges = Edges.of(USERS, *columns(first)).with_new(*columns(later))
    expected = news | known
    user, author = np.divmod(np.arange(USERS * USERS), USERS)
    assert edges.since(user, author).tolist() == [
        expected.get((int(u), int(a)), NEVER) for u, a in zip(user, author, strict=True)
    ]
    assert (
        dict(zip(zip(edges.user.tolist(), edges.author.tolist(), strict=True), edges.since_ms.tolist(), strict=True))
        == expected
    )


def test_the_follow_graph_has_heavy_tails_and_follows_taste() -> None:
    parameters = Parameters(users=3_000, seed=2)
    people = make_people(parameters)
    follow = make_graph(parameters, people).follow
    assert people.creator[follow.author].all()
    assert not np.any(follow.user == follow.author)
    followers = np.sort(np.bincount(follow.author, minlength=parameters.users)[people.creator])[::-1]
    assert followers[: len(followers) // 100].sum() > 0.08 * followers.sum()
    assert followers[: len(followers) // 10].sum() > 0.35 * followers.sum()
    following = np.bincount(follow.user, minlength=parameters.users)
    assert following.max() > 8 * np.median(following)
    match = np.einsum("el,el->e", people.taste[follow.user], people.style[follow.author])
    others = np.einsum(
        "el,el->e", people.taste[follow.user], people.style[np.random.default_rng(0).permutation(follow.author)]
    )
    assert match.mean() > others.mean() + 0.2
