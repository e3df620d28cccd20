"""The gates: what a release must be to become live. Each is a function; `GATES` is the order in which they are told."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from cluster.errors import CascadeError, InvalidField
from cluster.release import Release
from cluster.settings import Promotion, Settings
from deployments.promotion.probe import Probe
from training.evaluation.bootstrap import Interval
from training.release.comparison import gain
from training.release.held_out_people import TOP

#: Largest difference of a prediction of the served ranker from that of the network that was trained.
ROUNDING: Final = 1e-3
#: Actions without which a head's calibration says nothing, and deviations that count as noise.
POSITIVES: Final = 50
DEVIATIONS: Final = 3.0
#: Share of the posts nearest to a user that the index must find.
RECALL: Final = 0.95


class Verdict(Struct, frozen=True):
    """What a gate says, of which figure, and which bound that has."""

    gate: str
    passed: bool
    figure: str
    bound: str
    accepted: bool = False  # it did not pass, and may all the same

    @property
    def refuses(self) -> bool:
        return not (self.passed or self.accepted)


class Case:
    """A release before its gates. What is dear to measure is measured once, when it is first asked for."""

    def __init__(self, release: Release, live: Release | None, settings: Settings) -> None:
        """`live`: the release that is live, if this build can serve it."""
        self.release = release
        self.live = live
        self.settings = settings

    @property
    def bounds(self) -> Promotion:
        return self.settings.promotion

    @cached_property
    def probe(self) -> Probe:
        return Probe(self.release, self.settings)

    @cached_property
    def gain(self) -> Interval | None:
        if self.live is None:
            return None
        self.live.verify()  # it may have been damaged since it was loaded
        return gain(self.release, self.live)


def judge(case: Case, accept: Collection[str] = ()) -> list[Verdict]:
    """What every gate says; those of `accept` may fail. A release with damaged files is judged no further.

    Raises InvalidField for a gate that is not there, or may not fail.
    """
    for name in accept:
        if name not in GATES:
            raise InvalidField("--accept", name, f"must be one of {', '.join(GATES)}")
        if name in NEVER_ACCEPTED:
            raise InvalidField("--accept", name, f"{' and '.join(NEVER_ACCEPTED)} cannot be accepted: build it again")
    verdicts = []
    for name, gate in GATES.items():
        try:
            passed, figure, bound = gate(case)
        except CascadeError as error:
            passed, figure, bound = False, str(error), "-"
        verdicts.append(Verdict(name, passed, figure, bound, accepted=not passed and name in accept))
        if name == "checksums" and not passed:
            break
    return verdicts


#: Whether it passes, the figure, and the bound.
Finding = tuple[bool, str, str]


def checksums(case: Case) -> Finding:
    """Every file is as it was built."""
    files = f"{len(case.release.manifest.files)} files"
    try:
        case.release.verify()
    except CascadeError as error:
        return False, str(error), f"{files} as built"
    return True, f"{files} as built", "all"


def parity(case: Case) -> Finding:
    """This build serves what training computed: the same features to the bit, predictions but for rounding."""
    found = case.probe.parity()
    figure = f"{found.differing} of {found.features} features differ, predictions by {found.prediction_error:.1g}"
    return found.differing == 0 and found.prediction_error <= ROUNDING, figure, f"0, {ROUNDING:g}"


def quality(case: Case) -> Finding:
    """It ranks the held-out day no worse than the live release, beyond noise."""
    if case.gain is None:
        return True, "nothing to compare with", "-"
    value, low, high = case.gain
    return high >= 0, f"{value:+.4f} ({low:+.4f} to {high:+.4f}) beside live", "interval not below 0"


def baselines(case: Case) -> Finding:
    """It ranks the held-out day better than popularity and than chance."""
    told = {name: each["primary"] for name, each in case.release.manifest.held_out.get("quality", {}).items()}
    if "model" not in told:
        return False, "no row of the held-out day tells", "above baselines"
    others = {name: value for name, value in told.items() if name != "model"}
    bound = ", ".join(f"{name} {value:.4f}" for name, value in others.items())
    return told["model"] > max(others.values()), f"{told['model']:.4f}", f"above {bound}"


def retrieval(case: Case) -> Finding:
    """It finds what people liked whom it did not learn from no worse than counting does, beyond noise."""
    told = case.release.manifest.held_out.get("retrieval")
    if not told:
        return False, "nobody who was held out tells", "not below baselines"
    recall = dict(told["recall"])
    figure, others = f"{recall.pop('two_tower'):.4f}", (f"{name} {value:.4f}" for name, value in recall.items())
    passed = all(high is not None and high >= 0 for _, _, high in told["ahead"].values())
    return passed, f"recall@{TOP} {figure}", f"not below {', '.join(others)}, beyond noise"


def index(case: Case) -> Finding:
    """Its index finds nearly all that an exact search finds."""
    found = case.release.manifest.metrics["index"]["recall_at_300"]
    return found >= RECALL, f"recall@300 {found:.3f} of exact search", f"at least {RECALL:g}"


def calibration(case: Case) -> Finding:
    """No head promises far more or less than happens on the held-out day."""
    bound = f"1 ± {case.bounds.calibration:g}, beyond noise"
    off = {}
    for head, found in case.release.manifest.held_out.get("calibration", {}).items():
        if found["positives"] >= POSITIVES:
            off[head] = abs(found["ratio"] - 1) - DEVIATIONS / found["positives"] ** 0.5
    if not off:
        return True, f"no head has {POSITIVES} actions", bound
    worst = max(off, key=lambda head: off[head])
    ratio = case.release.manifest.held_out["calibration"][worst]["ratio"]
    figure = f"{worst}: predicted {ratio:.2f} of what happened"
    return off[worst] <= case.bounds.calibration, figure, bound


def coverage(case: Case) -> Finding:
    """No feature has lost its data."""
    if case.live is None:
        return True, "nothing to compare with", "-"
    now, before = case.release.manifest.coverage, case.live.manifest.coverage
    lost = {name: before[name] - now.get(name, 0.0) for name in before}
    worst = max(lost, key=lambda name: lost[name])
    figure = f"{worst}: {before[worst]:.2f} -> {now.get(worst, 0.0):.2f}" if lost[worst] > 0 else "none has lost any"
    return lost[worst] <= case.bounds.coverage, figure, f"at most {case.bounds.coverage:g} less"


def latency(case: Case) -> Finding:
    """A feed does not take more CPU time than there is for it."""
    found = case.probe.feed_ms()
    return found <= case.bounds.latency_ms, f"{found:.2f} ms", f"at most {case.bounds.latency_ms:g} ms"


GATES: Final[Mapping[str, Callable[[Case], Finding]]] = MappingProxyType(
    {
        gate.__name__: gate
        for gate in (checksums, parity, quality, baselines, retrieval, index, calibration, coverage, latency)
    }
)
#: A release that fails one of these would serve something else than was trained.
NEVER_ACCEPTED: Final = ("checksums", "parity")
