"""The ranker as a GPU computes it: the trained network itself, for all requests that are there, in buckets of rows.

Rows are padded to the next bucket, of which each is a CUDA graph: one launch instead of some fifty. They come and go
through pinned buffers. On the CPU the same code runs without graphs, slower than NumPy, as the test of its logic.
Letters in shapes: C candidates, B rows of a bucket, F features, H heads.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor

from cluster.errors import CascadeError
from cluster.ranker_backend import Precision
from kernels.columns import F32, I64
from training.models.ranker import RankRequest, joined, read_ranker
from training.models.scoring_network import ScoringNetwork

#: Rows that are computed at once.
BUCKETS: Final = (128, 256, 512, 1024, 2048, 4096)
_WARM_UPS: Final = 3


class TorchRanker:
    """As `RankerModel`; several threads take turns."""

    def __init__(self, network: ScoringNetwork, device: torch.device) -> None:
        self.heads = network.heads
        self._buckets = [_Bucket(network, rows, device) for rows in BUCKETS]
        self._turn = Lock()

    @classmethod
    def load(cls, folder: Path, device: Literal["cpu", "cuda"], precision: Precision) -> "TorchRanker":
        """Open what `save_ranker` wrote. Raises CascadeError as `RankerModel.load`, and where there is no GPU."""
        if device == "cuda" and not torch.cuda.is_available():
            raise CascadeError(
                "ranker.device is cuda, but torch finds no GPU here", "set it to cpu, or run where there is one"
            )
        network = ScoringNetwork(*read_ranker(folder), precision).to(device).eval()
        return cls(network, torch.device(device))

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """As `RankerModel.predict`."""
        return self.predict_many((RankRequest(user_row, post_rows, x),))[0]

    def predict_many(self, requests: Sequence[RankRequest]) -> list[F32]:
        """As `RankerModel.predict_many`."""
        x, request, starts = joined(requests)
        users = np.array([each.user_row for each in requests])[request]
        posts = np.concatenate([each.post_rows for each in requests])
        out = np.empty((len(x), len(self.heads)), np.float32)
        with self._turn:
            for begin in range(0, len(x), BUCKETS[-1]):
                rows = slice(begin, begin + BUCKETS[-1])
                bucket = next(b for b in self._buckets if b.rows >= len(x[rows]))
                out[rows] = bucket.predict(users[rows], posts[rows], x[rows])
        return np.split(out, starts[1:-1])


class _Bucket:
    """Predictions of up to `rows` candidates: buffers on both sides, and on a GPU the graph between them."""

    def __init__(self, network: ScoringNetwork, rows: int, device: torch.device) -> None:
        self.rows = rows
        self._gpu = device.type == "cuda"
        shapes: list[tuple[Any, ...]] = [
            (rows, torch.int64),
            (rows, torch.int64),
            ((rows, network.features), torch.float32),
        ]
        self._host = [torch.zeros(shape, dtype=dtype, pin_memory=self._gpu) for shape, dtype in shapes]
        self._there = [each.to(device) for each in self._host]
        self._network = network
        self._result: Tensor
        self._answer = torch.zeros((rows, len(network.heads)), pin_memory=self._gpu)
        self._graph = self._captured() if self._gpu else None

    @torch.inference_mode()
    def predict(self, users: I64, posts: I64, x: F32) -> F32:
        """Predictions [C, H] of the candidates [C]; what is left of the rows keeps what was there before."""
        count = len(x)
        for host, there, array in zip(self._host, self._there, (users, posts, x), strict=True):
            host[:count] = torch.from_numpy(array)
            there[:count].copy_(host[:count], non_blocking=True)
        if self._graph is None:
            self._result = self._network(*self._there)
        else:
            self._graph.replay()
        self._answer[:count].copy_(self._result[:count], non_blocking=True)
        if self._gpu:
            torch.cuda.current_stream().synchronize()
        answer: F32 = self._answer[:count].numpy()
        return answer

    @torch.inference_mode()
    def _captured(self) -> Any:
        """The graph, recorded after a few runs on a stream of their own, as CUDA wants it."""
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._network(*self._there)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Of this thread only: the release before goes on predicting meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._result = self._network(*self._there)
        return graph
