"""Promotion and the way back: the record changes, and every feed server of a running Cascade follows it."""

from collections.abc import Callable, Collection

from cluster.errors import CascadeError
from cluster.live_release import LiveFile, LiveRelease, Trial, with_live
from cluster.processes.run_state import read_run
from cluster.release import Releases
from cluster.settings import Settings
from deployments.promotion.following import wait_for_replicas
from deployments.promotion.gates import Case, Verdict, judge
from kernels.features import NAMES


def examine(settings: Settings, release: str, accept: Collection[str] = ()) -> list[Verdict]:
    """What the gates say of a release, beside the live one. Raises CascadeError when there is no such release."""
    releases, record = Releases(settings.releases), LiveFile(settings.releases).read()
    others = {other.name: other for other in releases.all() if other.manifest.features == NAMES}
    live = others.get(record.live) if record and record.live != release else None
    return judge(Case(releases.get(release), live, settings), accept)


def promote(settings: Settings, release: str, trial: Trial | None, accepted: tuple[str, ...]) -> LiveRelease:
    """Make a release live, or begin a trial of it; it has passed its gates, but for those `accepted`.

    Returns once every feed server of a Cascade that runs has followed. Raises CascadeError when one does not: the
    record is then as it was before.
    """

    def changed(record: LiveRelease | None) -> LiveRelease:
        Releases(settings.releases).get(release)  # it may have been removed meanwhile
        if trial is None:
            return with_live(record, release, "full", accepted)
        if record is None:
            raise CascadeError("no release is live yet", f"make it live: `cascade release promote {release}`")
        return record.with_trial(trial, accepted)

    return _change(settings, changed)


def rollback(settings: Settings) -> LiveRelease:
    """End a trial, or make the release live that was before. Raises CascadeError when it is damaged or not there."""

    def changed(record: LiveRelease | None) -> LiveRelease:
        if record is None:
            raise CascadeError("no release is live", "start one with `cascade up`, or promote one")
        back = record.rolled_back()
        Releases(settings.releases).get(back.live).verify()
        return back

    return _change(settings, changed)


def prune(settings: Settings, keep: int) -> list[str]:
    """Remove all but the newest releases and those that are needed; the names of those removed."""
    releases, file = Releases(settings.releases), LiveFile(settings.releases)
    if file.read() is None:
        return releases.prune(keep, set())
    gone: list[str] = []

    def changed(record: LiveRelease | None) -> LiveRelease:
        assert record is not None
        gone.extend(releases.prune(keep, record.needed))
        return record.without(set(gone))

    file.change(changed)
    return gone


def _change(settings: Settings, changed: Callable[[LiveRelease | None], LiveRelease]) -> LiveRelease:
    file = LiveFile(settings.releases)
    before = file.read()
    record = file.change(changed)
    run = read_run(settings.run_file)
    if run is None or not run.alive:
        return record
    try:
        wait_for_replicas(settings, run, record)
    except CascadeError:
        file.change(lambda now: record.returned_to(before) if before and now == record else now or record)
        raise
    return record
