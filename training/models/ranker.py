"""The ranker as serving uses it: NumPy arrays of a trained network, one call per request.

NumPy needs 0.6 ms for 100 candidates on one thread where torch needs 0.9, starts faster, and lets all replicas of a
node share one memory-mapped copy of the user table. Letters in shapes: C candidates, F features, H heads.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError
from kernels.columns import F32, I64
from kernels.features import FEATURES, INDEX, NAMES, Group
from kernels.hidden import finish_hidden
from training.models.inputs import Inputs, encoded, standardised
from training.models.trunks_numpy import TRUNKS
from training.models.wide import OF_REQUEST, wide_codes, wide_columns

#: The head that predicts seconds; all others predict a probability.
WATCH: Final = "watch_time"
#: A stay longer than this says no more than one of this length, seconds.
WATCH_LIMIT_S: Final = 3600.0
FORMAT: Final = 3
_OF_REQUEST: Final = frozenset(f.name for f in FEATURES if f.group in (Group.USER, Group.CONTEXT))


class RankerConfig(msgspec.Struct, frozen=True):
    """`config.json`: all that is not a weight."""

    heads: tuple[str, ...]
    features: tuple[str, ...]
    inputs: Inputs
    scale: tuple[float, ...]  # [H] calibration: the logit is multiplied by this
    shift: tuple[float, ...]  # [H] and this is added
    wide: tuple[int, ...]  # [K] of `wide_sizes`
    trunk: str = "shared"  # of training.models.trunks_numpy.TRUNKS
    format: int = FORMAT


class RankerModel:
    """A trained ranker. `predict` allocates its own scratch, so threads may share a model.

    NumPy's BLAS uses all cores unless OPENBLAS_NUM_THREADS says otherwise before NumPy is imported; a server that
    handles several requests at once wants 1.
    """

    def __init__(self, config: RankerConfig, weights: Mapping[str, F32]) -> None:
        self.heads = config.heads
        self._scale = np.array(config.scale, np.float32)
        self._shift = np.array(config.shift, np.float32)
        self._user, self._wide_user = weights["user.weight"], weights["wide.user"]
        self._post, self._wide_post = weights["post.weight"], weights["wide.post"]
        self._wide_codes, self._wide_sizes = weights["wide.codes"], config.wide
        # 2 KB a post, for which serving is spared the post's half of the first layer.
        self._post_hidden = self._post @ weights["from_post.weight"].T
        self._from_user = np.ascontiguousarray(weights["from_user.weight"].T)
        self._hidden_bias = weights["from_numbers.bias"]
        self._code_rows = weights["from_codes.weight"]
        self._request = _Columns(config.inputs, weights, of_request=True)
        self._candidate = _Columns(config.inputs, weights, of_request=False)
        self._matches = weights["from_match.weight"].shape[1]
        self._first = np.ascontiguousarray(np.vstack([self._candidate.layer, weights["from_match.weight"].T]))
        self._trunk = TRUNKS[config.trunk](_part(weights, "trunk."))
        self._match_heads = np.ascontiguousarray(weights["match_heads.weight"].T)

    @classmethod
    def load(cls, folder: Path) -> "RankerModel":
        """Open what `save_ranker` wrote. Raises CascadeError when it is missing or was made for other features."""
        return cls(*read_ranker(folder))

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """Calibrated predictions float32[C, H]: probabilities, and seconds for watch time.

        Args:
            user_row: row of the user in the training log; -1 = unknown.
            post_rows: int[C] rows of the candidates; -1 and rows past those it was trained on = unknown.
            x: float32[C, F] of `kernels.assembly.assemble`; rows of one request, so they share the user's features.
        """
        if x.shape != (len(post_rows), len(NAMES)):
            raise ValueError(f"x must be [{len(post_rows)}, {len(NAMES)}], it is {list(x.shape)}")
        if not len(post_rows):
            return np.zeros((0, len(self.heads)), np.float32)
        user = self._user[user_row + 1]
        rows = np.where(post_rows < len(self._post) - 1, post_rows, -1) + 1
        numbers, codes = self._request.of(x[:1])
        shared = user @ self._from_user + numbers[0] @ self._request.layer + self._hidden_bias
        shared += self._code_rows[codes[0]].sum(0)
        numbers, codes = self._candidate.of(x)
        match = (self._post[rows] * user).reshape(len(rows), self._matches, -1).sum(2)
        hidden = np.hstack([numbers, match]) @ self._first
        finish_hidden(hidden, self._post_hidden, rows, shared, self._code_rows, codes)
        logits = self._trunk(hidden)
        logits += match @ self._match_heads
        logits += self._wide(user_row + 1, rows, x)
        return to_predictions(logits * self._scale + self._shift, self.heads)

    def _wide(self, user: int, posts: I64, x: F32) -> F32:
        """The wide part's logits [C, H]."""
        codes = wide_codes(wide_columns(x), self._wide_sizes)
        logits: F32 = self._wide_post[posts] + self._wide_codes[codes[:, OF_REQUEST:]].sum(1)
        logits += self._wide_user[user] + self._wide_codes[codes[0, :OF_REQUEST]].sum(0)
        return logits


def _part(weights: Mapping[str, F32], prefix: str) -> dict[str, F32]:
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}


class _Columns:
    """The columns of X that belong to the request, or to each candidate, and their rows of the first layer."""

    def __init__(self, inputs: Inputs, weights: Mapping[str, F32], of_request: bool) -> None:
        numbers = [k for k, name in enumerate(inputs.numbers) if (name in _OF_REQUEST) == of_request]
        codes = [k for k, name in enumerate(inputs.categories) if (name in _OF_REQUEST) == of_request]
        self.layer = np.ascontiguousarray(weights["from_numbers.weight"][:, numbers].T)
        self._numbers = np.array([INDEX[inputs.numbers[k]] for k in numbers], np.int64)
        self._mean = np.array(inputs.mean, np.float32)[numbers]
        self._inverse = np.float32(1) / np.array(inputs.deviation, np.float32)[numbers]
        self._codes = np.array([INDEX[inputs.categories[k]] for k in codes], np.int64)
        self._offsets = np.array(inputs.offsets, np.int64)[codes]
        self._sizes = np.array(inputs.sizes, np.int64)[codes]

    def of(self, x: F32) -> tuple[F32, I64]:
        """Standardised numbers and code rows of x[C, F]."""
        numbers = standardised(x[:, self._numbers], self._mean, self._inverse)
        return numbers, encoded(x[:, self._codes], self._offsets, self._sizes)


def to_predictions(logits: F32, heads: tuple[str, ...]) -> F32:
    """Calibrated logits [C, H] -> probabilities; seconds for watch time, from log(1 + seconds)."""
    out: F32 = np.float32(1) / (np.float32(1) + np.exp(-np.clip(logits, -60, 60)))
    if WATCH in heads:
        at = heads.index(WATCH)
        out[:, at] = np.expm1(np.clip(logits[:, at], 0, np.log1p(np.float32(WATCH_LIMIT_S))))
    return out


def read_ranker(folder: Path) -> tuple[RankerConfig, dict[str, NDArray[Any]]]:
    """What `save_ranker` wrote, memory-mapped. Raises CascadeError as `RankerModel.load`."""
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=RankerConfig)
        names = msgspec.json.decode((folder / "weights.json").read_bytes(), type=list[str])
        weights = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise CascadeError(f"{folder} holds no ranker: {error}", "train it: `cascade train ranker`") from None
    if config.features != NAMES or config.format != FORMAT:
        raise CascadeError(f"{folder} was trained on other features", "train it again: `cascade train ranker`")
    return config, weights


def save_ranker(folder: Path, config: RankerConfig, weights: Mapping[str, NDArray[Any]]) -> None:
    """Write `config.json` and one .npy file per weight into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, weight in weights.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(weight, np.float32))
    (folder / "weights.json").write_bytes(msgspec.json.encode(sorted(weights)) + b"\n")
    (folder / "config.json").write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=1) + b"\n")
