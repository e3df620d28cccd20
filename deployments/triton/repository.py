"""A release's ranker as a version of a model in a repository that Triton reads."""

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError
from cluster.release import Release
from deployments.triton import model
from kernels.features import INDEX
from kernels.inputs import LIMIT
from kernels.logits import HOURS
from training.models.ranker import WATCH, WATCH_LIMIT_S, RankerConfig, read_ranker
from training.models.wide import DURATIONS_S, READ

#: Name of the model.
MODEL: Final = "cascade_ranker"
#: Candidates of all requests that Triton puts together, and releases that it serves side by side.
MOST_ROWS: Final = 4096
VERSIONS: Final = 3

_CONFIG: Final = f"""\
name: "{MODEL}"
backend: "python"
max_batch_size: {MOST_ROWS}
input [
  {{ name: "user" data_type: TYPE_INT64 dims: [ 1 ] }},
  {{ name: "post" data_type: TYPE_INT64 dims: [ 1 ] }},
  {{ name: "x" data_type: TYPE_FP32 dims: [ -1 ] }}
]
output [ {{ name: "predictions" data_type: TYPE_FP32 dims: [ -1 ] }} ]
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
# What queued while the last batch ran is the next one; nothing waits for more.
dynamic_batching {{ }}
version_policy {{ latest {{ num_versions: {VERSIONS} }} }}
"""


def version_of(release: str) -> str:
    """Triton's number of a release: when it was made, as its name says, so that the latest is the newest."""
    date, time, _ = release.split("-")
    return date + time


def write_repository(release: Release, out: Path) -> Path:
    """Add the release to the repository `out`, which may hold others; the folder of its version.

    Raises CascadeError when it holds no ranker, or one whose trunk this cannot compute.
    """
    release.verify()
    config, weights = read_ranker(release.folder / "ranker")
    if config.trunk == "ple":
        raise CascadeError("a ranker with a PLE trunk is not there for Triton", "train one with trunk shared or mmoe")
    version = out / MODEL / version_of(release.name)
    part = version.with_name(f".{version.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    np.savez(part / "weights.npz", **arrays_of(config, weights))  # type: ignore[arg-type]
    shutil.copyfile(str(model.__file__), part / "model.py")
    (version.parent / "config.pbtxt").write_text(_CONFIG)
    # A server that polls never sees half of it.
    shutil.rmtree(version, ignore_errors=True)
    part.rename(version)
    return version


def arrays_of(config: RankerConfig, weights: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights, and what `deployments.triton.model` must know beside them."""
    inputs = config.inputs
    return weights | {
        "numbers": np.array([INDEX[name] for name in inputs.numbers], np.int64),
        "mean": np.array(inputs.mean, np.float32),
        "deviation": np.array(inputs.deviation, np.float32),
        "limit": LIMIT,
        "codes": np.array([INDEX[name] for name in inputs.categories], np.int64),
        "offsets": np.array(inputs.offsets, np.int64),
        "sizes": np.array(inputs.sizes, np.int64),
        "wide_columns": np.array(READ),
        "wide_sizes": np.array(config.wide),
        "wide_offsets": np.cumsum((1, *config.wide[:-1])),
        "durations": np.array(DURATIONS_S),
        "hours": np.int64(HOURS),
        "scale": np.array(config.scale, np.float32),
        "shift": np.array(config.shift, np.float32),
        "watch": np.array([head == WATCH for head in config.heads]),
        "watch_limit": np.log1p(np.float32(WATCH_LIMIT_S)),
    }
