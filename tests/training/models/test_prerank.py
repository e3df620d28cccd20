"""The pre-ranker's grade of an impression."""

import numpy as np

from kernels.actions import ACTIONS, BIT
from training.models.prerank import grades


def test_grades_order_actions_and_end_at_one() -> None:
    masks = [
        0,
        BIT["click"],
        BIT["like"],
        BIT["long_view"],
        BIT["share"],
        BIT["long_view"] | BIT["share"] | BIT["like"],
    ]
    graded = grades(np.array(masks, np.uint16))
    assert (np.diff(graded) > 0).all()
    assert graded[0] == 0
    assert graded[-1] == 1


def test_a_clear_negative_outweighs_everything() -> None:
    everything = sum(BIT[name] for name in ACTIONS if name != "report")
    assert grades(np.array([everything, BIT["long_view"] | BIT["report"]], np.uint16)).tolist() == [0, 0]
