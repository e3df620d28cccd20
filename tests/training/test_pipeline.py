"""Which release `cascade up` serves."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.live_release import LiveFile, with_live
from cluster.release import Release, Releases
from cluster.settings import Settings, Training
from kernels.features import NAMES
from training import pipeline
from training.pipeline import ensure_release
from training.recipes import recipe_named

DATA: Any = SimpleNamespace(manifest=SimpleNamespace(fingerprint="data"))


def settings(home: Path, recipe: str = "default") -> Settings:
    return Settings(home=home, training=Training(recipe=recipe))


def build(home: Path, content: str, recipe: str = "default", **told: Any) -> Release:
    """A release of one file, as if it had been built with `recipe` from DATA."""
    fields = {
        "dataset": "d",
        "dataset_fingerprint": "data",
        "data_end_ms": 1,
        "utc_offset_ms": 0,
        "features": NAMES,
        "heads": ("like",),
        "recipe": recipe,
        "recipe_fingerprint": recipe_named(recipe).fingerprint,
        "content_encoder": Settings().catalogue.encoder,
        "coverage": {},
        "metrics": {},
        "held_out": {},
        "versions": {},
    }
    releases = Releases(home / "releases")
    with releases.building() as part:
        (part / "weights.bin").write_text(content)
        return releases.seal(part, **(fields | told))


def promoted(home: Path, release: Release) -> None:
    LiveFile(home / "releases").change(lambda record: with_live(record, release.name))


def test_the_first_one_that_fits_is_live_from_then_on(tmp_path: Path) -> None:
    first = build(tmp_path, "first")
    for _ in range(2):
        assert ensure_release(settings(tmp_path), DATA).name == first.name
    record = LiveFile(tmp_path / "releases").need()
    assert (record.live, record.promoted, len(record.history)) == (first.name, False, 1)
    build(tmp_path, "second")
    assert ensure_release(settings(tmp_path), DATA).name == first.name, "building one does not make it live"


def test_another_recipe_in_the_settings_gets_its_own_release(tmp_path: Path) -> None:
    default, quick = build(tmp_path, "default"), build(tmp_path, "quick", "quick")
    assert ensure_release(settings(tmp_path), DATA).name == default.name
    assert ensure_release(settings(tmp_path, "quick"), DATA).name == quick.name
    assert ensure_release(settings(tmp_path), DATA).name == default.name


def test_one_that_was_promoted_stays_as_long_as_it_can_be_served(tmp_path: Path) -> None:
    default = build(tmp_path, "default")
    other = build(tmp_path, "other", "quick", dataset_fingerprint="other data", data_end_ms=2)
    promoted(tmp_path, other)
    assert ensure_release(settings(tmp_path), DATA).name == other.name
    promoted(tmp_path, build(tmp_path, "of other features", features=("age",)))
    assert ensure_release(settings(tmp_path), DATA).name == default.name


def test_what_does_not_fit_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, "of other data", dataset_fingerprint="other")
    build(tmp_path, "of another encoder", content_encoder="mine:Encoder")
    asked = []

    def train_and_build(settings: Settings, dataset: Any, recipe: str) -> Release:
        asked.append(recipe)
        return build(tmp_path, "new", recipe)

    monkeypatch.setattr(pipeline, "_build", train_and_build)  # training takes minutes
    assert ensure_release(settings(tmp_path, "quick"), DATA).manifest.recipe == "quick"
    assert asked == ["quick"]
