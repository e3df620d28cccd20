from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from cluster.errors import CascadeError
from cluster.settings import Settings, load_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def documented():
    rows = [line.split("|") for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    return {name.strip(" `"): (default.strip(), meaning.strip()) for _, name, default, meaning, _ in rows}


def existing(model=Settings, prefix=""):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from existing(field.annotation, f"{prefix}{name}.")
        else:
            default = "" if field.is_required() else field.default
            if isinstance(default, dict):
                default = ", ".join(f"{key} {value:g}" for key, value in default.items())
            yield f"{prefix}{name}", ("" if default is None else str(default), field.description)
            for item in get_args(field.annotation):
                if isinstance(item, type) and issubclass(item, BaseModel):
                    yield from existing(item, f"{prefix}{name}[].")


def test_every_setting_is_documented_as_it_is():
    assert documented() == dict(existing())


@pytest.mark.parametrize(
    ("serving", "clash"),
    [
        ({"port": 6390}, "port is 6390, which is that of store.port too"),
        ({"port": 6390 - 1}, "grpc_port is 6390, which is that of store.port too"),
        ({"grpc_port": 6391}, "grpc_port is 6391, which is that of events.port too"),
        ({"grpc_port": 8000}, "grpc_port is 8000, which is that of serving.port too"),
        ({"port": 65535}, "grpc_port must be set, 0 for no gRPC"),
    ],
)
def test_ports_must_differ(serving, clash):
    with pytest.raises(ValidationError, match=clash):
        Settings(serving=serving)
    assert Settings(serving={"port": 6390, "grpc_port": 0}, store_url="redis://elsewhere").serving.port == 6390


def test_environment_overrides_the_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cascade.yaml").write_text("serving: {port: 9000, deadline_ms: 80}\n")
    monkeypatch.setenv("CASCADE_SERVING__PORT", "9001")
    settings = Settings()
    assert (settings.serving.port, settings.serving.deadline_ms) == (9001, 80)


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("serving: {prot: 9000}", "serving.prot"),
        ("colour: red", "colour"),
        ("serving: {port: 0}", "greater than or equal to 1"),
        ("serving: {topology: scattered}", "topology"),
        ("rules: {weights: {liek: 1}}", "liek"),
        ("filters: {disabled: [qualty]}", "'recency', 'quality'"),
        ("filters: {disabled: [removed]}", "filters.disabled"),
        ("rules: {weights: {like: .nan}}", "rules.weights.like"),
        ("rules: {kind_share: 0.1}", "at least 0.17"),
        ("rules: {diversity: 1}", "rules.diversity"),
        ("rules: {author_decay: 0}", "rules.author_decay"),
        ("quotas: {rank: 301}", "quotas.rank has value 301: .*at most `prerank`, which is 300"),
        ("quotas: {prerank: 2000}", "quotas.prerank has value 2000: .*at most 1070, which is all that the sources"),
        ("{serving: {topology: distributed}, ranker: {triton_url: a:1}}", "triton_url is for serving.topology fused"),
        ("ranker: {device: cuda, precision: int8}", "int8 is there for device cpu only"),
        ("ranker: {precision: bf16, triton_url: a:1}", "not for a ranker that triton_url has elsewhere"),
        ("bandit: {enabled: true, slot: 20}", "slot is 20, which `ads.slots` has too"),
    ],
)
def test_a_mistake_is_refused_with_its_place(monkeypatch, tmp_path, yaml, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cascade.yaml").write_text(yaml + "\n")
    with pytest.raises(CascadeError, match=said):
        load_settings()


CAMPAIGN = """
rules:
  creator_floor: 2
  weights: {liek: 1}
  campaigns:
    - {name: spring, starts: 2026-03-01T00:00:00Z, ends: 2026-02-01T00:00:00Z, boost: 0.3, topics: [flowers]}
    - {name: spring, starts: 2026-03-01T00:00:00Z, ends: 2026-04-01T00:00:00Z, boost: 0, kinds: [hologram]}
    - {name: all, starts: 2026-03-01T00:00:00, ends: 2026-04-01T00:00:00Z, boost: 1, segments: [whales]}
    - {name: all, starts: 2026-03-01T00:00:00Z, ends: 2026-04-01T00:00:00Z, boost: 1}
"""


def test_all_mistakes_are_told_at_once_with_place_and_what_is_allowed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cascade.yaml").write_text(CAMPAIGN)
    with pytest.raises(CascadeError) as refused:
        load_settings()
    for place, allowed in (
        ("rules.creator_floor", "less than or equal to 1"),
        ("rules.weights", "unknown heads ['liek']; allowed are ['like'"),
        ("rules.campaigns.0.ends", "must be later than `starts`, which is 2026-03-01T00:00:00+00:00"),
        ("rules.campaigns.1.boost", "greater than 0"),
        ("rules.campaigns.1.kinds.0", "'video', 'photo'"),
        ("rules.campaigns.2.starts", "timezone"),
        ("rules.campaigns.2.segments.0", "'new', 'other' or 'active'"),
        ("rules.campaigns.3.kinds", "must name authors, topics or kinds"),
    ):
        said = str(refused.value).split(place + " has value")[1].split("; rules.")[0]
        assert allowed in said


def test_campaigns_of_one_name_are_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    one = "{name: spring, starts: 2026-03-01T00:00:00Z, ends: 2026-04-01T00:00:00Z, boost: 0.5, topics: [flowers]}"
    (tmp_path / "cascade.yaml").write_text(f"rules: {{campaigns: [{one}, {one}]}}\n")
    with pytest.raises(CascadeError, match=r"rules\.campaigns .* several of \['spring'\]"):
        load_settings()
