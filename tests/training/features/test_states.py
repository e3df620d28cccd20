import numpy as np
import pytest

from cluster.user_state import FEWER, FEWER_KEPT, unpack
from kernels.actions import NEGATIVE
from tests.training.features.worlds import small_dataset, tables
from training.features.history import history_at
from training.features.log import Log
from training.features.states import user_states


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Log:
    follows = tables()["follows"]
    users = follows["user_id"].to_numpy()
    # Everybody is somebody's author, so that relations are felt by users.
    mutual = follows.set_column(1, "author_id", [np.roll(users, 7)])
    return Log.load(small_dataset(tmp_path_factory.mktemp("states") / "data", follows=mutual))


def test_states_tell_of_both_sides_of_a_relation_and_of_what_was_hidden(log):
    middle = int(np.median(log.impressions.time_ms))
    states = {user: unpack(blob) for user, blob in user_states(log, history_at(log, middle), middle)}

    def pairs(field, swapped):
        found = {(user, int(o)) for user, s in states.items() for o in np.frombuffer(getattr(s, field), np.int64)}
        return {pair[::-1] for pair in found} if swapped else found

    for kind in ("blocked", "muted"):
        assert pairs(f"{kind}_ids", False) == pairs(f"{kind}_by_ids", True) != set()
    told = log.impressions
    for row, user in enumerate(log.users.ids.tolist()):
        hidden = (told.user == row) & (told.actions & NEGATIVE > 0) & (told.time_ms < middle)
        fewer = np.frombuffer(states[user].fewer, FEWER)
        posts = log.posts.ids[told.post[hidden]]
        assert set(fewer["post_id"].tolist()) == set(posts.tolist())
        assert len(fewer) == len(set(posts.tolist())) <= FEWER_KEPT
        assert (np.diff(fewer["time_s"].astype(np.int64)) >= 0).all()
    assert hidden.any()
