"""Each gate on a trained release: it passes as it was built, and fails for the one thing that the gate is about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import InvalidField
from cluster.release import Release, Releases
from cluster.settings import Promotion, Settings
from deployments.promotion.gates import GATES, Case, judge
from tests.deployments.conftest import Served
from tests.deployments.promotion.resealing import change, resealed

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def live(served: Served) -> Release:
    return Releases(served.home / "releases").get(served.run.release)


def _last_layers(ranker: Path) -> list[Path]:
    """What the logits are sums of."""
    return [*ranker.glob("*head*"), *ranker.glob("wide.*")]


def says(gate: str, release: Release, live: Release | None = None, **bounds: float) -> tuple[bool, str, str]:
    return GATES[gate](Case(release, live, Settings(promotion=Promotion(**bounds))))


def test_a_release_as_it_was_built_passes_beside_its_like(live: Release, tmp_path: Path) -> None:
    verdicts = {each.gate: each for each in judge(Case(resealed(Releases(tmp_path), live), live, Settings()))}
    assert list(verdicts) == list(GATES)
    # Whether so short a training beats counting is not certain, nor what the CPU is busy with.
    uncertain = ("baselines", "retrieval", "latency")
    assert [name for name, each in verdicts.items() if not each.passed and name not in uncertain] == []
    assert verdicts["parity"].figure.startswith("0 of 115712 features differ")
    assert verdicts["quality"].figure.startswith("+0.0000 (+0.0000 to +0.0000)")


@pytest.mark.parametrize(
    ("gate", "how", "told"),
    [
        ("parity", lambda part: change(part / "posts/duration_s.npy", lambda x: x + 1), "features differ"),
        ("parity", lambda part: change(part / "ranker/trunk.heads.bias.npy", lambda x: x + 0.1), "predictions by 0."),
        ("quality", lambda part: [change(path, lambda x: -x) for path in _last_layers(part / "ranker")], "beside live"),
    ],
)
def test_other_files_than_were_trained_are_refused(
    gate: str, how: Callable[[Path], Any], told: str, live: Release, tmp_path: Path
) -> None:
    passed, figure, _ = says(gate, resealed(Releases(tmp_path), live, how), live)
    assert not passed
    assert told in figure


@pytest.mark.parametrize(
    ("gate", "told", "figure", "bound"),
    [
        (
            "baselines",
            {"held_out": {"quality": {"model": {"primary": 0.5}, "popularity": {"primary": 0.6}}}},
            "0.5000",
            "above popularity 0.6000",
        ),
        ("baselines", {"held_out": {}}, "no row", "above baselines"),
        (
            "retrieval",
            {
                "held_out": {
                    "retrieval": {"recall": {"two_tower": 0.3, "ease": 0.4}, "ahead": {"ease": [-0.1, -0.15, -0.05]}}
                }
            },
            "recall@100 0.3000",
            "not below ease 0.4000, beyond noise",
        ),
        ("retrieval", {"held_out": {"retrieval": {}}}, "nobody", "not below baselines"),
        ("index", {"metrics": {"index": {"recall_at_300": 0.94}}}, "recall@300 0.940", "at least 0.95"),
        (
            "calibration",
            {"held_out": {"calibration": {"like": {"positives": 900, "ratio": 0.6}}}},
            "like: predicted 0.60 of what happened",
            "1 ± 0.25, beyond noise",
        ),
        ("coverage", {"coverage": {"post_topic": 0.5}}, "1.00 -> 0.", "at most 0.02 less"),
    ],
)
def test_figures_of_the_manifest_beyond_their_bounds_are_refused(
    gate: str, told: dict[str, Any], figure: str, bound: str, live: Release, tmp_path: Path
) -> None:
    found = says(gate, resealed(Releases(tmp_path), live, **told), live)
    assert not found[0]
    assert figure in found[1]
    assert found[2] == bound


def test_a_head_with_few_positives_may_be_off_by_its_noise(live: Release, tmp_path: Path) -> None:
    off = {
        "held_out": {"calibration": {"like": {"positives": 100, "ratio": 1.5}, "hide": {"positives": 3, "ratio": 9}}}
    }
    assert says("calibration", resealed(Releases(tmp_path), live, **off))[0]


def test_a_feed_that_takes_longer_than_its_budget_is_refused(live: Release) -> None:
    passed, figure, bound = says("latency", live, latency_ms=0.001)
    assert (passed, bound) == (False, "at most 0.001 ms")
    assert float(figure.removesuffix(" ms")) > 0.001


def test_damaged_files_are_judged_no_further_and_never_accepted(live: Release, tmp_path: Path) -> None:
    damaged = resealed(Releases(tmp_path), live)
    (damaged.folder / "popular.npy").write_bytes(b"")
    [verdict] = judge(Case(damaged, live, Settings()))
    assert verdict.refuses
    assert "popular.npy has 0 bytes" in verdict.figure
    for gate in ("checksums", "parity", "beauty"):
        with pytest.raises(InvalidField, match=gate):
            judge(Case(damaged, live, Settings()), [gate])
