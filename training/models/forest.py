"""From a trained XGBoost booster to the arrays that `kernels.trees` scores, and to a file and back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cluster.errors import CascadeError
from kernels.trees import Forest

if TYPE_CHECKING:
    import xgboost

#: Objectives whose `base_score` is a probability, and those whose `base_score` is the margin itself.
_LOGIT: Final = ("binary:logistic", "reg:logistic")
_IDENTITY: Final = ("reg:squarederror", "rank:pairwise", "rank:ndcg", "rank:map")


def forest_from_xgboost(booster: "xgboost.Booster") -> Forest:
    """Lay out all trees of `booster` for `kernels.trees.predict_forest`.

    Raises CascadeError for what a Forest cannot hold: another booster than gbtree, several outputs per row,
    categorical splits, an objective whose link is not known here.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    kind = learner["gradient_booster"]["name"]
    if kind != "gbtree":
        raise CascadeError(f"booster is {kind!r}: only gbtree can be scored", "train with booster=gbtree")
    base_margin = _base_margin(learner)
    trees = [_layout(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    sizes = np.array([0, *(len(tree["left"]) for tree in trees)], np.int64)
    roots = np.cumsum(sizes)[:-1]
    for root, tree in zip(roots, trees, strict=True):
        tree["left"] += np.int32(root)

    def joined(name: str, dtype: type) -> Any:
        return np.concatenate([np.zeros(0, dtype), *(tree[name] for tree in trees)])

    return Forest(
        feature=joined("feature", np.int32),
        threshold=joined("threshold", np.float32),
        sign=joined("sign", np.float32),
        left=joined("left", np.int32),
        value=joined("value", np.float32),
        roots=roots,
        depth=np.array([tree["depth"] for tree in trees], np.int32),
        base_margin=base_margin,
        features=int(learner["learner_model_param"]["num_feature"]),
    )


def save_forest(forest: Forest, path: Path) -> None:
    """Write `forest` as an .npz file."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(part) for name, part in forest._asdict().items()})


def load_forest(path: Path) -> Forest:
    """Read what `save_forest` wrote. Raises CascadeError when the file lacks a part."""
    with np.load(path, allow_pickle=False) as parts:
        missing = sorted(set(Forest._fields) - set(parts))
        if missing:
            raise CascadeError(f"{path} lacks {missing}", "build the release again")
        arrays = {name: parts[name] for name in Forest._fields}
    arrays["base_margin"] = np.float32(arrays["base_margin"])
    arrays["features"] = int(arrays["features"])
    return Forest(**arrays)


def _base_margin(learner: dict[str, Any]) -> np.float32:
    """Margin of a row before any tree. XGBoost 3.1 and later save `base_score` as "[0.5]", older ones as "0.5"."""
    objective = learner["objective"]["name"]
    scores = np.atleast_1d(json.loads(learner["learner_model_param"]["base_score"])).astype(np.float32)
    if len(scores) != 1 or int(learner["learner_model_param"]["num_class"]) > 1:
        raise CascadeError(f"objective {objective!r} has several outputs per row", "train one booster per output")
    score = np.float32(scores[0])
    if objective in _LOGIT:
        return np.float32(-np.log(np.float32(1) / score - np.float32(1)))
    if objective in _IDENTITY:
        return score
    raise CascadeError(
        f"objective {objective!r} cannot be scored", f"train with one of {', '.join(_LOGIT + _IDENTITY)}"
    )


def _layout(tree: dict[str, Any]) -> dict[str, Any]:
    """One tree in the node format of `Forest`, `left` counted from its own root."""
    if any(tree["split_type"]):
        raise CascadeError("a tree splits on categories", "encode categories as numbers before training")
    left, right, missing_left = tree["left_children"], tree["right_children"], tree["default_left"]
    order, depth = [0], [0]  # breadth-first; grows while it is walked
    for node, level in zip(order, depth, strict=True):
        if left[node] >= 0:
            order += (right[node], left[node]) if missing_left[node] else (left[node], right[node])
            depth += (level + 1, level + 1)
    original = np.array(order)
    condition = np.array(tree["split_conditions"], np.float32)[original]
    leaf = np.array(left)[original] < 0
    mirrored = ~leaf & np.array(missing_left, bool)[original]
    # x < t is false exactly when -x < next(-t) is true: the mirrored test sends NaN and x < t to the second child.
    threshold = np.where(mirrored, np.nextafter(-condition, np.float32(np.inf)), condition)
    first_child = 1 + 2 * (np.cumsum(~leaf) - 1)
    return {
        "feature": np.where(leaf, 0, np.array(tree["split_indices"])[original]).astype(np.int32),
        "threshold": np.where(leaf, np.float32(np.nan), threshold),
        "sign": np.where(mirrored, np.float32(-1), np.float32(1)),
        "left": np.where(leaf, np.arange(len(order)) - 1, first_child).astype(np.int32),
        "value": np.where(leaf, condition, np.float32(0)),
        "depth": max(depth),
    }
