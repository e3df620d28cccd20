from pathlib import Path

import pytest
from pydantic import BaseModel

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
            default = field.default
            if isinstance(default, dict):
                default = ", ".join(f"{key} {value:g}" for key, value in default.items())
            yield f"{prefix}{name}", ("" if default is None else str(default), field.description)


def test_every_setting_is_documented_as_it_is():
    assert documented() == dict(existing())


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
        ("rules: {weights: {like: .nan}}", "rules.weights.like"),
    ],
)
def test_a_mistake_is_refused_with_its_place(monkeypatch, tmp_path, yaml, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cascade.yaml").write_text(yaml + "\n")
    with pytest.raises(CascadeError, match=said):
        load_settings()
