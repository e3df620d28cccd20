"""Which posts are advertised, and on which terms."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.ads import NO_CAP
from cluster.posts import Ad
from deployments.catalogue.growable import Growable
from kernels.columns import F32, I32

_ORGANIC: Final = -1.0


class Ads:
    """The ads of a catalogue of P posts. Belongs to its event loop."""

    def __init__(self, posts: int, ads: NDArray[np.void]) -> None:
        """`ads`: `cluster.ads.AD`[A]."""
        bids, caps = np.full(posts, _ORGANIC, np.float32), np.full(posts, NO_CAP, np.int32)
        bids[ads["row"]], caps[ads["row"]] = ads["bid"], ads["daily_cap"]
        self._bids, self._caps = Growable(bids), Growable(caps)
        self._view()
        self._list()

    def extend(self, count: int) -> None:
        """Add posts that are no ads."""
        self._bids.extend(count)
        self._bids.view[-count:] = _ORGANIC
        self._caps.extend(count)
        self._view()

    def put(self, rows: I32, ads: Sequence[Ad | None]) -> None:
        """Set the terms of each of `rows`; None: no ad."""
        before = self.among(rows).any()
        self.bids[rows] = [_ORGANIC if ad is None else ad.bid for ad in ads]
        self.daily_caps[rows] = [NO_CAP if ad is None or ad.daily_cap is None else ad.daily_cap for ad in ads]
        if before or self.among(rows).any():
            self._list()

    def at(self, row: int) -> Ad | None:
        """The terms of a post, None for one that is no ad."""
        if self.bids[row] < 0:
            return None
        cap = int(self.daily_caps[row])
        return Ad(bid=float(self.bids[row]), daily_cap=None if cap == NO_CAP else cap)

    def among(self, rows: I32) -> NDArray[np.bool_]:
        """Mask of the `rows` that are ads."""
        mask: NDArray[np.bool_] = self.bids[rows] >= 0
        return mask

    def _view(self) -> None:
        #: float32[P] price of one engagement; negative for posts that are no ads.
        self.bids: F32 = self._bids.view
        #: int32[P] impressions per user and day.
        self.daily_caps: I32 = self._caps.view

    def _list(self) -> None:
        #: int32[A] rows of all ads, removed ones too.
        self.rows: I32 = np.flatnonzero(self.bids >= 0).astype(np.int32)
