import threading
from pathlib import Path

import pytest

from cluster.errors import CascadeError
from cluster.live_release import LiveFile, LiveRelease, Trial, with_live


def live(*releases: str) -> LiveRelease:
    record = None
    for release in releases:
        record = with_live(record, release)
    assert record is not None
    return record


def test_the_way_back_leads_through_all_that_was_live() -> None:
    record = live("a", "b", "c")
    assert (record.live, record.previous, record.needed) == ("c", "b", {"b", "c"})
    record = record.rolled_back()
    assert (record.live, record.previous) == ("b", "a")
    record = record.rolled_back()
    assert (record.live, record.previous) == ("a", None)
    with pytest.raises(CascadeError, match="no release before a"):
        record.rolled_back()
    assert [change.what for change in record.history] == ["full", "full", "full", "rollback", "rollback"]
    assert record.revision == 5


def test_a_release_that_is_made_live_again_is_there_once() -> None:
    assert live("a", "b", "a").releases == ("b", "a")


def test_a_rollback_ends_a_trial_first() -> None:
    record = live("a", "b").with_trial(Trial("c", "canary", 5.0), ("quality",))
    assert (record.live, record.answering, record.needed) == ("b", ("b", "c"), {"a", "b", "c"})
    assert record.history[-1].accepted == ("quality",)
    ended = record.rolled_back()
    assert (ended.live, ended.trial) == ("b", None)
    assert with_live(record, "c").trial is None
    with pytest.raises(CascadeError, match="release b is live"):
        record.with_trial(Trial("b", "shadow", 5.0))


def test_what_feed_servers_refuse_is_taken_back() -> None:
    before = live("a", "b")
    after = with_live(before, "c").returned_to(before)
    assert (after.releases, after.revision, after.history[-1].what) == (("a", "b"), before.revision + 2, "refused")


def test_what_the_settings_chose_is_not_promoted() -> None:
    started = with_live(None, "a", "start")
    assert not started.promoted
    assert not started.with_trial(Trial("b", "shadow", 5.0)).promoted
    assert with_live(started, "b").promoted
    assert with_live(started, "b").rolled_back().promoted


def test_a_canary_takes_its_share_of_users_and_always_the_same() -> None:
    trial = Trial("a", "canary", 5.0)
    taken = set(filter(trial.takes, range(20_000)))
    assert len(taken) / 20_000 == pytest.approx(0.05, abs=0.008)
    assert taken == set(filter(trial.takes, range(20_000)))
    assert taken < set(filter(Trial("a", "canary", 50.0).takes, range(20_000))), "a larger share keeps them"
    assert taken != set(filter(Trial("b", "canary", 5.0).takes, range(20_000)))
    assert all(map(Trial("a", "canary", 100.0).takes, range(1000)))


def test_the_record_survives_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "releases")
    assert file.read() is None
    with pytest.raises(CascadeError, match="is live"):
        file.need()
    record = file.change(lambda record: with_live(record, "a"))
    assert file.read() == record == file.change(lambda record: record)
    (tmp_path / "releases" / "live.json").write_text("{")
    with pytest.raises(CascadeError, match="damaged"):
        file.read()


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    file = LiveFile(tmp_path)
    threads = [
        threading.Thread(target=lambda name=name: file.change(lambda record: with_live(record, name)))
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(file.need().releases) == set("abcdefgh")
    assert file.need().revision == 8
    assert [path.name for path in tmp_path.iterdir() if "json" in path.name] == ["live.json"]
