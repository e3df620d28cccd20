"""Where posts may be shown, of those that may not be shown everywhere."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.growable import Growable
from kernels.columns import I32


class RegionLimits:
    """Sets of regions, and which of them each post has; by name, so that no release needs to know them."""

    def __init__(self, posts: int) -> None:
        self._set = Growable(np.zeros(posts, np.int32))  # place in `_sets`
        self._sets: list[frozenset[str] | None] = [None]  # None = everywhere
        self._places: dict[frozenset[str] | None, int] = {None: 0}

    @property
    def any(self) -> bool:
        """Whether a post was ever limited."""
        return len(self._sets) > 1

    def extend(self, count: int) -> None:
        """Add posts that may be shown everywhere."""
        self._set.extend(count)

    def put(self, rows: I32, regions: Sequence[Sequence[str] | None]) -> None:
        """Limit each of `rows` to its regions; None means everywhere."""
        self._set.view[rows] = [self._place(None if names is None else frozenset(names)) for names in regions]

    def allow(self, rows: I32, region: str) -> NDArray[np.bool_]:
        """Mask of the `rows` that may be shown in a region; "" is none."""
        allowed = np.array([names is None or region in names for names in self._sets])
        mask: NDArray[np.bool_] = allowed[self._set.view[rows]]
        return mask

    def _place(self, names: frozenset[str] | None) -> int:
        if names not in self._places:
            self._places[names] = len(self._sets)
            self._sets.append(names)
        return self._places[names]
