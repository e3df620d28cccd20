"""What is wanted and not there is refused before anything is deployed."""

from pathlib import Path

import pytest

from cluster.errors import CascadeError
from cluster.ranker_backend import DEFAULT, RankerBackend
from deployments.rankers.refusing import refuse_missing
from tests.conftest import free_port
from tests.deployments.rankers.releases import ranker_release


def test_a_precision_that_costs_too_much(tmp_path: Path) -> None:
    release = ranker_release(tmp_path)
    refuse_missing(DEFAULT, release)
    with pytest.raises(CascadeError, match="in int8 on cpu its predictions differ"):
        refuse_missing(RankerBackend(precision="int8", max_error=1e-6), release)


def test_a_triton_server_that_is_not_there(tmp_path: Path) -> None:
    url = f"127.0.0.1:{free_port()}"
    with pytest.raises(CascadeError, match=rf"Triton at {url} does not answer") as error:
        refuse_missing(RankerBackend(triton_url=url), ranker_release(tmp_path))
    assert "ranker.triton_url" in error.value.remedy
