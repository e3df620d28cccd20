"""What is changed, one thing at a time, to see what it costs."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cluster.quotas import Quotas

#: Quotas that are numbers of candidates.
_COUNTS: Final = [name for name in Quotas.model_fields if not name.endswith("_hours")]


class Case(msgspec.Struct, frozen=True):
    """A catalogue of `posts`, feeds of `candidates` times as many candidates, and so many feed servers."""

    posts: int
    candidates: float
    replicas: int

    def environment(self, quotas: Quotas) -> dict[str, str]:
        """The settings that make it so, of these quotas."""
        scaled = {name: max(1, round(getattr(quotas, name) * self.candidates)) for name in _COUNTS}
        replicas = dict.fromkeys(("MIN_REPLICAS", "MAX_REPLICAS"), self.replicas)
        return {f"CASCADE_QUOTAS__{name.upper()}": str(count) for name, count in scaled.items()} | {
            f"CASCADE_SERVING__{name}": str(count) for name, count in replicas.items()
        }


def cases(posts: Sequence[int], candidates: Sequence[float], replicas: Sequence[int]) -> list[Case]:
    """The first of each together, then each of the others with the first of the rest."""
    first = Case(posts[0], candidates[0], replicas[0])
    return [
        first,
        *(msgspec.structs.replace(first, posts=each) for each in posts[1:]),
        *(msgspec.structs.replace(first, candidates=each) for each in candidates[1:]),
        *(msgspec.structs.replace(first, replicas=each) for each in replicas[1:]),
    ]
