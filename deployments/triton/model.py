"""The ranker in Triton's Python backend. This file is copied there, and needs nothing but NumPy.

It computes what `training.models.ranker.RankerModel` does, from the arrays that `deployments.triton.repository` writes;
tests compare them. Letters in shapes: C candidates of all requests, F features, D numbers, K codes, H heads.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]


class TritonPythonModel:
    """What Triton calls. All requests that it gives at once are predicted together."""

    def initialize(self, args: Mapping[str, str]) -> None:
        with np.load(os.path.join(args["model_repository"], args["model_version"], "weights.npz")) as weights:
            self._network = Network(dict(weights))

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        import triton_python_backend_utils as triton  # type: ignore[import-not-found,unused-ignore]

        inputs = [
            [triton.get_input_tensor_by_name(request, name).as_numpy() for name in ("user", "post", "x")]
            for request in requests
        ]
        user, post, x = (np.concatenate(arrays) for arrays in zip(*inputs, strict=True))
        predictions = self._network.predict(user[:, 0], post[:, 0], x)
        ends = np.cumsum([len(each[0]) for each in inputs])[:-1]
        return [
            triton.InferenceResponse([triton.Tensor("predictions", np.ascontiguousarray(part))])
            for part in np.split(predictions, ends)
        ]


class Network:
    """A trained ranker whose trunk is a shared bottom or a mixture of experts."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._w = dict(weights)

    def predict(self, users: I64, posts: I64, x: F32) -> F32:
        """Calibrated predictions [C, H] of user rows [C], post rows [C] and x[C, F]; unknown rows are -1."""
        w = self._w
        posts = np.where(posts < len(w["post.weight"]) - 1, posts, -1) + 1
        asking, of = np.unique(users + 1, return_inverse=True)
        user = w["user.weight"][asking]
        match = (w["post.weight"][posts] * user[of]).reshape(len(x), w["from_match.weight"].shape[1], -1).sum(2)
        hidden = self._numbers(x) @ w["from_numbers.weight"].T + w["from_numbers.bias"]
        hidden += match @ w["from_match.weight"].T
        hidden += (user @ w["from_user.weight"].T)[of]
        hidden += w["post.weight"][posts] @ w["from_post.weight"].T
        hidden += w["from_codes.weight"][self._codes(x)].sum(1)
        logits = self._trunk(np.maximum(hidden, 0)) + match @ w["match_heads.weight"].T
        logits += w["wide.user"][asking][of] + w["wide.post"][posts] + w["wide.codes"][self._wide_codes(x)].sum(1)
        logits = logits * w["scale"] + w["shift"]
        chances = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        seconds = np.expm1(np.clip(logits, 0, w["watch_limit"]))
        predictions: F32 = np.where(w["watch"], seconds, chances).astype(np.float32)
        return predictions

    def _trunk(self, hidden: F32) -> F32:
        w = self._w
        heads, bias = w["trunk.heads.weight"].T, w["trunk.heads.bias"]
        if "trunk.layer.weight" in w:
            shared: F32 = np.maximum(hidden @ w["trunk.layer.weight"].T + w["trunk.layer.bias"], 0) @ heads + bias
            return shared
        experts = np.maximum(hidden @ w["trunk.experts.weight"].T + w["trunk.experts.bias"], 0)
        said = experts.reshape(len(hidden), -1, len(heads)) @ heads
        gates = (hidden @ w["trunk.gates.weight"].T + w["trunk.gates.bias"]).reshape(len(hidden), len(bias), -1)
        odds = np.exp(gates - gates.max(-1, keepdims=True))
        mixed: F32 = ((odds / odds.sum(-1, keepdims=True)).transpose(0, 2, 1) * said).sum(1) + bias
        return mixed

    def _numbers(self, x: F32) -> F32:
        w = self._w
        numbers = x[:, w["numbers"]]
        tamed = np.copysign(np.log1p(np.abs(numbers)), numbers)
        standardised: F32 = np.clip((tamed - w["mean"]) / w["deviation"], -w["limit"], w["limit"])
        return standardised

    def _codes(self, x: F32) -> I64:
        codes = x[:, self._w["codes"]].astype(np.int64) + 1
        rows: I64 = np.where((codes > 0) & (codes < self._w["sizes"]), codes, 0) + self._w["offsets"]
        return rows

    def _wide_codes(self, x: F32) -> I64:
        w = self._w
        surface, hour, topic = x[:, w["wide_columns"][:3]].astype(np.int64).T
        duration = np.digitize(x[:, w["wide_columns"][3]], w["durations"])
        codes = np.stack([surface, surface * w["hours"] + hour, topic, duration], 1)
        rows: I64 = np.where((codes >= 0) & (codes < w["wide_sizes"]), codes + w["wide_offsets"], 0)
        return rows
