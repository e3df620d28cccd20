"""The ranker in torch against the one in NumPy: on the CPU its logic, on a GPU its graphs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cluster.errors import CascadeError
from tests.training.models.rankers import TRUNKS, network_of, requests_of, saved
from training.models.ranker import RankerModel
from training.models.ranker_torch import BUCKETS, TorchRanker
from training.models.trunks import TrunkName

ON_A_GPU = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")]
)


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("device", ["cpu", ON_A_GPU])
def test_buckets_predict_what_numpy_predicts(tmp_path: Path, trunk: TrunkName, device: str) -> None:
    folder = saved(network_of(trunk), tmp_path)
    ranker, model = TorchRanker.load(folder, device, "fp32"), RankerModel.load(folder)  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    # A bucket that is full, one with the rest of another request in its padding, none, and more than fit in one.
    for candidates in ((BUCKETS[0],), (100, 0, 1, 300), (3,), (0, 0), (BUCKETS[-1] - 10, 200)):
        requests = requests_of(rng, *candidates)
        for ours, expected in zip(ranker.predict_many(requests), model.predict_many(requests), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=1e-5)


def test_an_answer_stays_as_it_is_when_others_are_asked_for(tmp_path: Path) -> None:
    ranker = TorchRanker.load(saved(network_of(), tmp_path), "cpu", "fp32")
    first, second = requests_of(np.random.default_rng(3), 20, 20)
    answer = ranker.predict(*first)
    before = answer.copy()
    ranker.predict(*second)
    np.testing.assert_array_equal(answer, before)


def test_bf16_changes_predictions_a_little(tmp_path: Path) -> None:
    folder = saved(network_of(), tmp_path)
    [request] = requests_of(np.random.default_rng(9), 200)
    by = [TorchRanker.load(folder, "cpu", precision).predict(*request)[:, :2] for precision in ("fp32", "bf16")]
    assert 0 < np.abs(by[0] - by[1]).max() < 0.003
    with pytest.raises(CascadeError, match="PLE trunk is served in fp32 only"):
        TorchRanker.load(saved(network_of("ple"), tmp_path / "ple"), "cpu", "bf16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_where_there_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match=r"ranker.device is cuda, but torch finds no GPU here"):
        TorchRanker.load(saved(network_of(), tmp_path), "cuda", "fp32")
