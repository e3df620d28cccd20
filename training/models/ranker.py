"""The ranker as serving uses it: NumPy arrays of a trained network, one call per request.

NumPy needs 0.6 ms for 100 candidates on one thread where torch needs 0.9, starts faster, and lets all replicas of a
node share one memory-mapped copy of the user table. Letters in shapes: C candidates, F features, H heads.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError
from cluster.ranker_backend import Precision
from kernels.columns import F32, I64
from kernels.features import FEATURES, INDEX, NAMES, Group
from kernels.hidden import finish_hidden
from kernels.inputs import InputColumns, encode_inputs
from kernels.logits import Calibration, Wide, finish_logits, match_embeddings
from training.models.dense import LAYERS
from training.models.inputs import Inputs
from training.models.trunks_numpy import TRUNKS
from training.models.wide import DURATIONS_S, READ

#: The head that predicts seconds; all others predict a probability.
WATCH: Final = "watch_time"
#: A stay longer than this says no more than one of this length, seconds.
WATCH_LIMIT_S: Final = 3600.0
#: Of more posts the first layer is not prepared: it would take more memory than the time that it spares is worth.
PREPARED: Final = 200_000
FORMAT: Final = 3
_OF_REQUEST: Final = frozenset(f.name for f in FEATURES if f.group in (Group.USER, Group.CONTEXT))
#: Columns of X in which the candidates of a request are equal.
OF_REQUEST: Final = [INDEX[name] for name in NAMES if name in _OF_REQUEST]


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


class RankRequest(NamedTuple):
    """One request's candidates, as `RankerModel.predict` takes them."""

    user_row: int
    post_rows: I64  # [C]
    x: F32  # [C, F]


class RankerModel:
    """A trained ranker. `predict` allocates its own scratch, so threads may share a model.

    NumPy's BLAS uses all cores unless OPENBLAS_NUM_THREADS says otherwise before NumPy is imported; a server that
    handles several requests at once wants 1.
    """

    def __init__(self, config: RankerConfig, weights: Mapping[str, F32], precision: Precision = "fp32") -> None:
        """Raises CascadeError for a precision that the trunk is not there in."""
        self.heads = config.heads
        self._calibration = calibration_of(config)
        self._wide = Wide(
            user=weights["wide.user"],
            post=weights["wide.post"],
            codes=weights["wide.codes"],
            sizes=np.array(config.wide, np.int64),
            columns=np.array(READ, np.int64),
            lengths=np.array(DURATIONS_S, np.float64),
        )
        self._user, self._post = weights["user.weight"], weights["post.weight"]
        self._from_post = weights["from_post.weight"].T
        # 2 KB a post, for which serving is spared the posts' part of the first layer.
        self._post_hidden = self._post @ self._from_post if len(self._post) <= PREPARED else None
        self._from_user = np.ascontiguousarray(weights["from_user.weight"].T)
        self._hidden_bias = weights["from_numbers.bias"]
        self._code_rows = weights["from_codes.weight"]
        self._request = _Layer.of(config.inputs, weights["from_numbers.weight"], of_request=True)
        candidate = _Layer.of(config.inputs, weights["from_numbers.weight"], of_request=False)
        matched = np.vstack([candidate.weight, weights["from_match.weight"].T])  # behind the numbers
        self._candidate = candidate._replace(weight=np.ascontiguousarray(matched))
        self._trunk = TRUNKS[config.trunk](_part(weights, "trunk."), LAYERS[precision])
        self._match_heads = np.ascontiguousarray(weights["match_heads.weight"].T)

    @classmethod
    def load(cls, folder: Path, precision: Precision = "fp32") -> "RankerModel":
        """Open what `save_ranker` wrote. Raises CascadeError when it is missing or was made for other features, or
        cannot be served in this precision.
        """
        return cls(*read_ranker(folder), precision)

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """Calibrated predictions float32[C, H]: probabilities, and seconds for watch time.

        Args:
            user_row: row of the user in the training log; -1 = unknown.
            post_rows: int[C] rows of the candidates; -1 and rows past those it was trained on = unknown.
            x: float32[C, F] of `kernels.assembly.assemble`; rows of one request, so they share the user's features.
        """
        return self.predict_many((RankRequest(user_row, post_rows, x),))[0]

    def predict_many(self, requests: Sequence[RankRequest]) -> list[F32]:
        """What `predict` makes of each request, [C, H] each, with the products of all candidates in one go.

        BLAS multiplies few rows otherwise than many: predictions of fewer than some 16 candidates can differ from
        those of `predict` in the last bits. Raises ValueError for none.
        """
        x, request, starts = joined(requests)
        if not len(x):
            return [np.zeros((0, len(self.heads)), np.float32) for _ in requests]
        users = np.array([each.user_row for each in requests]) + 1
        user = self._user[users]
        rows = np.concatenate([each.post_rows for each in requests])
        rows = np.where(rows < len(self._post) - 1, rows, -1) + 1
        shared = self._shared(user, x[np.minimum(starts[:-1], len(x) - 1)])
        inputs, codes = self._candidate.inputs(x)
        first = len(self._candidate.columns.numbers)
        match_embeddings(self._post, rows, user, request, inputs, first)
        hidden = inputs @ self._candidate.weight
        if self._post_hidden is None:
            posts, own = self._post[rows] @ self._from_post, np.arange(len(rows))
        else:
            posts, own = self._post_hidden, rows
        finish_hidden(hidden, posts, own, shared, request, self._code_rows, codes)
        logits = self._trunk(hidden)
        finish_logits(logits, inputs, first, self._match_heads, self._wide, users, request, rows, x, self._calibration)
        return np.split(logits, starts[1:-1])

    def _shared(self, user: F32, x: F32) -> F32:
        """What the candidates of a request have in common in the first layer [R, D]: of the user [R, E] and x[R, F]."""
        numbers, codes = self._request.inputs(x)
        # One product a request: those of several would be rounded otherwise than that of one.
        products = [u @ self._from_user + n @ self._request.weight for u, n in zip(user, numbers, strict=True)]
        shared: F32 = np.stack(products) + self._hidden_bias
        shared += self._code_rows[codes].sum(1)
        return shared


def joined(requests: Sequence[RankRequest]) -> tuple[F32, I64, I64]:
    """All rows x[C, F], the request of each [C], and where each request begins, with the end [R + 1].

    Raises ValueError for a matrix that is not [posts of its request, F].
    """
    for each in requests:
        if each.x.shape != (len(each.post_rows), len(NAMES)):
            raise ValueError(f"x must be [{len(each.post_rows)}, {len(NAMES)}], it is {list(each.x.shape)}")
    counts = [len(each.x) for each in requests]
    x = np.concatenate([each.x for each in requests]) if len(requests) > 1 else np.ascontiguousarray(requests[0].x)
    return x, np.repeat(np.arange(len(requests)), counts), np.cumsum([0, *counts])


def _part(weights: Mapping[str, F32], prefix: str) -> dict[str, F32]:
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}


class _Layer(NamedTuple):
    """The columns of X that belong to the request, or to each candidate, and what the first layer makes of them."""

    columns: InputColumns
    weight: F32  # [numbers and what comes behind them, width of the layer]

    @classmethod
    def of(cls, inputs: Inputs, weight: F32, of_request: bool) -> "_Layer":
        """`weight`: [width of the layer, all numbers]."""
        numbers = [name for name in inputs.numbers if (name in _OF_REQUEST) == of_request]
        codes = [name for name in inputs.categories if (name in _OF_REQUEST) == of_request]
        own = [inputs.numbers.index(name) for name in numbers]
        return cls(inputs.columns(numbers, codes), np.ascontiguousarray(weight[:, own].T))

    def inputs(self, x: F32) -> tuple[F32, I64]:
        """Of x[C, F] numbers, with room for what comes behind them, and codes [C, K]."""
        numbers = np.empty((len(x), len(self.weight)), np.float32)
        codes = np.empty((len(x), len(self.columns.codes)), np.int64)
        encode_inputs(x, self.columns, numbers, codes)
        return numbers, codes


def calibration_of(config: RankerConfig) -> Calibration:
    """How logits become predictions."""
    return Calibration(
        scale=np.array(config.scale, np.float32),
        shift=np.array(config.shift, np.float32),
        watch=np.array([h for h, head in enumerate(config.heads) if head == WATCH], np.int64),
        most=np.log1p(np.array([WATCH_LIMIT_S], np.float32)),
    )


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
