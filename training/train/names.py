"""The models that are trained, by name. No import of them here, so that the command line can list them at once."""

from typing import Final, Literal, get_args

Model = Literal["two_tower", "session", "prerank", "ranker", "mf", "sasrec"]
NAMES: Final[tuple[Model, ...]] = get_args(Model)
#: What a release is made of, in the order in which it is trained.
MODELS: Final[tuple[Model, ...]] = ("two_tower", "session", "prerank", "ranker")

#: What `cascade tune` can search for.
Tunable = Literal["two_tower", "ranker", "prerank"]
TUNABLE: Final[tuple[Tunable, ...]] = get_args(Tunable)
