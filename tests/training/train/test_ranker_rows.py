"""Labels and heads of training rows."""

import numpy as np

from kernels.actions import BIT
from training.train.ranker_rows import heads_of, labels_of

LIKE, HIDE = BIT["like"], BIT["hide"]
ACTIONS = np.array([LIKE, 0, LIKE | HIDE, 0], np.uint16)
KNOWN = np.array([LIKE | HIDE, LIKE | HIDE, LIKE, HIDE], np.uint16)
WATCH = np.array([0, np.nan, 9, 1e9], np.float32)


def test_heads_need_both_classes_among_the_known_labels() -> None:
    assert heads_of(ACTIONS, KNOWN, WATCH) == ("like", "watch_time")  # the only hide is an unknown one
    assert heads_of(ACTIONS, np.zeros(4, np.uint16), np.full(4, np.nan, np.float32)) == ()
    assert heads_of(ACTIONS[:1], KNOWN[:1], WATCH[:1]) == ()


def test_unknown_labels_do_not_count() -> None:
    labels, known = labels_of(ACTIONS, KNOWN, WATCH, ("like", "hide", "watch_time"))
    assert known.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]
    assert labels[:, 0].tolist() == [1, 0, 1, 0]
    assert labels[:, 1].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(labels[:, 2], [0, 0, np.log(10), np.log(3601)], rtol=1e-6)
