"""The ranker of a release in a Triton server."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import tritonclient.grpc as blocking
from grpc import StatusCode
from numpy.typing import NDArray
from tritonclient.grpc import aio
from tritonclient.utils import InferenceServerException

from cluster.errors import CascadeError, Unreachable
from cluster.release import Release
from cluster.store.breaker import Breaker, StoreUnavailable
from deployments.triton.repository import MODEL, version_of
from kernels.columns import F32, I64
from training.models.ranker import RankRequest

#: How long start, checks and explanations wait, for which nobody has a deadline, in seconds.
PATIENT_S: Final = 5.0
#: How long it is left alone after it was gone, or late several times in a row.
RETRY_MS: Final = 500


class TritonRanker:
    """`Ranker` for threads that may wait, and `Elsewhere` for an event loop. Connections end when it is let go."""

    def __init__(self, url: str, version: str, heads: tuple[str, ...]) -> None:
        self.heads = heads
        self._url = url
        self._version = version
        self._blocking = blocking.InferenceServerClient(url)
        # Where a server hangs, not every feed waits for it in vain.
        self._breaker = Breaker(f"ranker in Triton at {url}", RETRY_MS)
        self._client: aio.InferenceServerClient | None = None  # of the event loop that asks first

    @classmethod
    def open(cls, url: str, release: Release) -> Self:
        """Raises CascadeError where no server is ready, or it does not have the release."""
        version = version_of(release.name)
        ranker = cls(url, version, release.manifest.heads)
        try:
            if not ranker._blocking.is_server_ready(client_timeout=PATIENT_S):
                raise CascadeError(f"Triton at {url} is not ready", "see its log, or unset ranker.triton_url")
            if not ranker._blocking.is_model_ready(MODEL, version, client_timeout=PATIENT_S):
                raise CascadeError(
                    f"Triton at {url} does not have version {version} of {MODEL}, which is release {release.name}; "
                    f"it has {ranker._versions() or 'none'}",
                    "`cascade release triton` writes it to the server's model repository",
                )
        except InferenceServerException as error:
            raise CascadeError(
                f"Triton at {url} does not answer: {error.message()}", "start it, or unset ranker.triton_url"
            ) from None
        return ranker

    async def predicted(self, user_row: int, post_rows: I64, x: F32, timeout_s: float) -> F32:
        """As `Ranker.predict`. Raises Unreachable where there is no answer in time, or none is expected."""
        if timeout_s <= 0:
            raise Unreachable(f"no time is left to ask Triton at {self._url}")
        if self._client is None:
            self._client = aio.InferenceServerClient(self._url)
        inputs = _inputs(user_row, post_rows, x)
        try:
            self._breaker.admit()
            answer = await self._client.infer(MODEL, inputs, self._version, client_timeout=timeout_s)
        except StoreUnavailable as error:
            raise Unreachable(str(error)) from None
        except InferenceServerException as error:
            late = error.status() == str(StatusCode.DEADLINE_EXCEEDED)
            raise Unreachable(str(self._breaker.failed(error.message(), timeout=late))) from None
        except asyncio.CancelledError:
            self._breaker.failed("an answer was not waited for", timeout=True)
            raise
        self._breaker.succeeded()
        return self._checked(answer, len(post_rows))

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """As `Ranker.predict`, and waits for it. Raises Unreachable."""
        if not len(post_rows):
            return np.zeros((0, len(self.heads)), np.float32)
        try:
            inputs = _inputs(user_row, post_rows, x)
            answer = self._blocking.infer(MODEL, inputs, self._version, client_timeout=PATIENT_S)
        except InferenceServerException as error:
            raise Unreachable(f"Triton at {self._url} did not rank: {error.message()}") from None
        return self._checked(answer, len(post_rows))

    def predict_many(self, requests: Sequence[RankRequest]) -> list[F32]:
        """As `Ranker.predict_many`; Triton puts together what comes from all feed servers."""
        return [self.predict(*request) for request in requests]

    def _versions(self) -> str:
        if not self._blocking.is_model_ready(MODEL, client_timeout=PATIENT_S):
            return ""
        return ", ".join(self._blocking.get_model_metadata(MODEL, client_timeout=PATIENT_S).versions)

    def _checked(self, answer: Any, candidates: int) -> F32:
        predictions: F32 | None = answer.as_numpy("predictions")
        if predictions is None or predictions.shape != (candidates, len(self.heads)):
            raise Unreachable(f"Triton at {self._url} predicts other heads than {', '.join(self.heads)}")
        return predictions.copy()  # what came is read-only, and corrections write


def _inputs(user_row: int, post_rows: I64, x: F32) -> list[Any]:
    users = np.full((len(post_rows), 1), user_row, np.int64)
    arrays: list[tuple[str, str, NDArray[Any]]] = [
        ("user", "INT64", users),
        ("post", "INT64", post_rows.astype(np.int64, copy=False).reshape(-1, 1)),
        ("x", "FP32", x),
    ]
    inputs = []
    for name, kind, array in arrays:
        told = blocking.InferInput(name, list(array.shape), kind)
        told.set_data_from_numpy(array)
        inputs.append(told)
    return inputs
