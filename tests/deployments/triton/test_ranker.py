"""The ranker in a real Triton server."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cluster.errors import CascadeError, Unreachable
from cluster.ranker_backend import RankerBackend
from cluster.release import Release
from cluster.store.breaker import TIMEOUTS
from deployments.rankers.loading import load_ranker, prediction_error
from deployments.triton.ranker import TritonRanker
from deployments.triton.repository import write_repository
from tests.deployments.rankers.releases import ranker_release
from tests.deployments.triton.server import needs_triton, triton_server
from tests.training.models.rankers import requests_of
from training.models.ranker import RankerModel
from training.release.reference import FILE, read_references

pytestmark = needs_triton


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return ranker_release(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def url(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = tmp_path_factory.mktemp("models")
    write_repository(release, models)
    with triton_server(models, tmp_path_factory.mktemp("triton")) as (url, _):
        yield url


def test_it_predicts_as_exactly_as_numpy_does(release: Release, url: str) -> None:
    ranker = load_ranker(release, RankerBackend(triton_url=url, max_error=1e-5))
    assert ranker.heads == release.manifest.heads
    assert prediction_error(ranker, release) < 1e-5
    assert ranker.predict(0, np.zeros(0, np.int64), np.zeros((0, 113), np.float32)).shape == (0, len(ranker.heads))


def test_requests_that_come_at_once_get_their_own_answers(release: Release, url: str) -> None:
    requests = requests_of(np.random.default_rng(6), *range(1, 41))
    expected = RankerModel.load(release.folder / "ranker").predict_many(requests)

    async def ask() -> list[np.ndarray]:
        ranker = TritonRanker.open(url, release)
        return await asyncio.gather(*(ranker.predicted(*request, timeout_s=20) for request in requests))

    for ours, theirs in zip(asyncio.run(ask()), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        ours += 1  # as corrections do


def test_a_version_that_is_not_there_is_refused_and_those_that_are_named(
    release: Release, url: str, tmp_path: Path
) -> None:
    other = ranker_release(tmp_path)
    if other.name.rsplit("-", 1)[0] == release.name.rsplit("-", 1)[0]:
        pytest.skip("both were made in the same second")
    with pytest.raises(CascadeError, match=rf"is release {other.name}; it has \d{{14}}$"):
        load_ranker(other, RankerBackend(triton_url=url))


def test_weights_of_another_ranker_are_refused(release: Release, url: str, tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match=rf"by Triton at {url} its predictions differ by 0\.1"):
        load_ranker(_promising_more(release, tmp_path / "other"), RankerBackend(triton_url=url))


def test_other_heads_are_refused(release: Release, url: str) -> None:
    [request] = requests_of(np.random.default_rng(6), 3)
    version = TritonRanker.open(url, release)._version
    with pytest.raises(Unreachable, match=r"predicts other heads than like$"):
        TritonRanker(url, version, ("like",)).predict(*request)


def test_a_server_that_hangs_is_not_waited_for_and_one_that_is_gone_is_told(release: Release, tmp_path: Path) -> None:
    models, own = tmp_path / "models", tmp_path / "triton"
    own.mkdir()
    write_repository(release, models)
    [request] = requests_of(np.random.default_rng(6), 3)

    async def ask() -> None:
        ranker = TritonRanker.open(url, release)
        with pytest.raises(Unreachable, match="no time is left"):
            await ranker.predicted(*request, timeout_s=0)
        server.send_signal(signal.SIGSTOP)
        for _ in range(TIMEOUTS):
            with pytest.raises(Unreachable, match="not available: Deadline Exceeded"):
                await ranker.predicted(*request, timeout_s=0.1)
        # Nobody else waits for so long.
        with pytest.raises(Unreachable, match="not available: Deadline Exceeded"):
            await ranker.predicted(*request, timeout_s=30)
        server.send_signal(signal.SIGCONT)
        async with asyncio.timeout(30):
            while True:
                with suppress(Unreachable):
                    assert len(await ranker.predicted(*request, timeout_s=10)) == 3
                    return
                await asyncio.sleep(0.05)

    with triton_server(models, own) as (url, server):
        asyncio.run(ask())
        ranker = TritonRanker.open(url, release)
        assert len(ranker.predict(*request)) == 3
    with pytest.raises(Unreachable, match="did not rank"):
        ranker.predict(*request)
    with pytest.raises(CascadeError, match=rf"Triton at {url} does not answer"):
        load_ranker(release, RankerBackend(triton_url=url))


def _promising_more(release: Release, folder: Path) -> Release:
    """The same release, as if what was trained promised more."""
    shutil.copytree(release.folder, folder)
    references = [
        msgspec.structs.replace(each, predictions=(each.trained + np.float32(0.1)).tobytes())
        for each in read_references(folder)
    ]
    (folder / FILE).write_bytes(msgspec.msgpack.encode(references))
    return Release(folder, release.manifest)
