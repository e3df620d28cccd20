"""Learning online where there is nothing to learn from."""

from types import SimpleNamespace
from typing import cast

import pytest

from cluster.errors import CascadeError
from tests.training.features.worlds import small_dataset
from training.data.progress import silent
from training.evaluation.online import evaluate_online
from training.evaluation.split import Split
from training.models.ranker import RankerModel


def test_days_of_which_no_action_is_known_throughout_are_refused(tmp_path):
    split, model = Split(20231201, 20231202, 20231205), cast(RankerModel, SimpleNamespace(heads=("like", "watch_time")))
    with pytest.raises(CascadeError, match="known of every impression from 20231202 to 20231205"):
        evaluate_online(small_dataset(tmp_path), split, model, 60, silent)
