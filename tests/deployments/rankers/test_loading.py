"""A release's ranker as the settings want it, or a refusal that says why."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from cluster.errors import CascadeError
from cluster.ranker_backend import DEFAULT, RankerBackend
from cluster.release import Releases
from deployments.rankers.loading import load_ranker, prediction_error
from tests.deployments.rankers.releases import ranker_release
from training.models.dense import has_bf16


def test_every_precision_is_as_exact_as_it_must_be(tmp_path: Path) -> None:
    release = ranker_release(tmp_path)
    assert prediction_error(load_ranker(release, DEFAULT), release) < 1e-5
    errors = {
        precision: prediction_error(load_ranker(release, RankerBackend(precision=precision, max_error=0.05)), release)
        for precision in ("bf16", "int8")
        if precision != "bf16" or has_bf16()
    }
    assert min(errors.values()) > 1e-5
    assert max(errors.values()) < 0.05


def test_a_precision_that_costs_too_much_is_refused(tmp_path: Path) -> None:
    release = ranker_release(tmp_path)
    with pytest.raises(
        CascadeError, match=rf"release {release.name} is refused: in int8 on cpu its predictions differ"
    ):
        load_ranker(release, RankerBackend(precision="int8", max_error=1e-5))


def test_predictions_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    release = ranker_release(tmp_path)
    bias = release.folder / "ranker" / "trunk.layer.bias.npy"
    np.save(bias, np.full_like(np.load(bias), np.nan))
    with pytest.raises(CascadeError, match="differ by nan"):
        load_ranker(Releases(tmp_path).newest(), RankerBackend(precision="int8"))


@pytest.mark.skipif(has_bf16(), reason="this processor has what bf16 needs")
def test_a_precision_that_the_processor_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match=r"ranker.precision is bf16, but this processor has no AVX-512"):
        load_ranker(ranker_release(tmp_path), RankerBackend(precision="bf16"))


def test_there_is_no_int8_on_gpus() -> None:
    with pytest.raises(ValidationError, match="int8 is there for device cpu only"):
        RankerBackend(device="cuda", precision="int8")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_where_there_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="torch finds no GPU here"):
        load_ranker(ranker_release(tmp_path), RankerBackend(device="cuda"))
