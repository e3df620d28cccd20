"""`cascade bench ranker` on a small release."""

import json
from pathlib import Path

import pytest

from benchmarks.ranker import ranker
from tests.deployments.rankers.releases import ranker_release
from training.models.dense import has_bf16


def test_it_tells_time_and_error_of_each_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release = ranker_release(tmp_path / "releases")
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    ranker(release=release.name, candidates=60, seconds=0.1)
    *table, document = capsys.readouterr().out.splitlines()
    assert any("rank correlation" in line or "rank" in line for line in table)
    results = json.loads(document)["results"]
    assert list(results) == ["fp32", *(["bf16"] if has_bf16() else []), "int8", "torch"]
    assert results["fp32"]["overlap"] == 1
    least = {"bf16": 0.99, "int8": 0.97, "torch": 0.99999}
    for name in least.keys() & results.keys():
        assert least[name] < results[name]["correlation"] <= 1 + 1e-9
        assert 0 < results[name]["heads"]["like"]["largest"] < 0.05
        assert min(results[name]["request_us"], results[name]["together_us"]) > 0
