"""`cascade train`: what can be asked for."""

import pytest

from cluster.errors import InvalidField
from training.cli import app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rankr"], "model has value 'rankr': must be one of all, two-tower, session, prerank, ranker"),
        (["ranker", "--until", "20220431"], "--until has value '20220431': must be a date as yyyymmdd"),
        (["ranker", "--workers", "none"], "--workers has value 'none'"),
        (["all", "--recipe", "slow"], "recipe has value 'slow': must be one of default, quick"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidField, match=message):
        app(arguments, result_action="return_value")
