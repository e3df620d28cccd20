"""What another order of the posts that people were shown would have earned, from what they did in the order they saw.

The position-based model (Craswell et al., WSDM 2008): a person looks at position k = 0, 1, ... with chance
e(k) = (1 + k)^-decay, and acts with a chance that depends on the post only if so. Then an action at position j, divided
by e(j), estimates that chance without bias, and a post that an order puts at k earns e(k) times it (Joachims,
Swaminathan and Schnabel, "Unbiased learning-to-rank with biased feedback", WSDM 2017). Where looks are not observed,
what is doubly robust of this and a model's r is the same again: r + (a - e r) / e = a / e.

Letters in shapes: N rows, L lists, A actions.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError
from kernels.columns import F32, I64
from training.evaluation.ranked import F64
from training.features.log import Log

#: How an examination chance falls with the position, where nothing else is known.
DECAY: Final = 0.4
#: A look is taken to be at least this likely: it bounds the weight of one action.
LEAST: Final = 0.02


@dataclass(frozen=True, slots=True)
class ShownLists:
    """Rows of lists that people were shown; those of a list stand together, first position first."""

    rows: I64  # [N] impressions of the log
    starts: I64  # [L + 1] rows `starts[l]` to `starts[l + 1]` are list l
    position: I64  # [N]

    @property
    def list_of(self) -> I64:
        """[N] number of each row's list."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def only(self, lists: NDArray[np.bool_]) -> "ShownLists":
        """The lists of a mask [L]."""
        kept = lists[self.list_of]
        lengths = np.diff(self.starts)[lists]
        return ShownLists(self.rows[kept], np.r_[0, np.cumsum(lengths)], self.position[kept])


def shown_lists(log: Log, rows: I64) -> ShownLists:
    """The lists among the impressions `rows`: a person's posts from one position 0, or lower one, to the next.

    Raises CascadeError when positions are not known.
    """
    seen = log.impressions
    if not len(rows) or (seen.position[rows] < 0).any():
        raise CascadeError(
            "what other orders would have earned cannot be told: positions are not known",
            "import impressions with their position",
        )
    # A client that reports a page at once gives all of it one time.
    order = np.lexsort((seen.position[rows], seen.time_ms[rows], seen.user[rows]))
    rows = rows[order]
    user, position = seen.user[rows], seen.position[rows].astype(np.int64)
    new = np.r_[True, (user[1:] != user[:-1]) | (position[1:] <= position[:-1])]
    return ShownLists(rows, np.r_[np.flatnonzero(new), len(rows)], position)


def examined(position: I64, decay: float = DECAY) -> F64:
    """The chance that a position is looked at."""
    chance: F64 = np.power(1.0 + position.astype(np.float64), -decay)
    return chance


def earned(lists: ShownLists, ranks: I64, actions: F32, decay: float = DECAY) -> F64:
    """What each list would have earned of each action, had its row i stood at position `ranks[i]`: float64 [L, A].

    Args:
        ranks: i64[N] positions of the order that is judged.
        actions: float32[N, A] 1 where the action happened.
    """
    looked = np.maximum(examined(lists.position, decay), LEAST)
    return expected(lists, ranks, actions / looked[:, None], decay)


def expected(lists: ShownLists, ranks: I64, chance: NDArray[np.floating[Any]], decay: float = DECAY) -> F64:
    """As `earned`, from the chance [N, A] of each action given a look."""
    total: F64 = np.add.reduceat(examined(ranks, decay)[:, None] * chance, lists.starts[:-1], axis=0)
    return total
