"""What the ranker minimises: a loss for each head, and how they are joined.

Every watch-time loss is met by a logit that `to_predictions` reads as log(1 + seconds).
"""

from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn

from training.models.ranker import WATCH
from training.train.ranker_rows import Rows

#: `log_squares` learns the mean of log(1 + seconds), `median` the median of the seconds, `weighted_logistic` their
#: mean: the odds of a logistic regression whose positives weigh as much as they were watched (Covington, Adams and
#: Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016).
WatchLoss = Literal["log_squares", "median", "weighted_logistic"]
#: `fixed` adds the losses up; `uncertainty` weighs each by a variance that is learned (Kendall, Gal and Cipolla,
#: "Multi-task learning using uncertainty to weigh losses", CVPR 2018).
Weighting = Literal["fixed", "uncertainty"]
#: `feature`: a bias of each head by position, neutral in serving (Zhao et al., RecSys 2019). `ipw`: labels count by
#: the inverse of the chance that the position was looked at, so that heads predict actions given a look (Schnabel et
#: al., "Recommendations as treatments", ICML 2016; Saito et al., WSDM 2020). `none`: positions are not looked at.
PositionBias = Literal["feature", "ipw", "none"]

#: A look is taken to be at least this likely: what weighs more is noise rather than evidence.
_LEAST_LOOK: Final = 0.1


class HeadLosses(nn.Module):
    """Losses of H heads; `log_variance` [H] is trained with the network where losses are weighed by it."""

    def __init__(
        self, heads: Sequence[str], watch: WatchLoss, watch_weight: float, weighting: Weighting, decay: float | None
    ) -> None:
        """`decay`: a position k = 0, 1, ... is looked at with chance (1 + k)^-decay; None: labels count as they are."""
        super().__init__()
        self.watch, self.watch_weight, self.decay = watch, watch_weight, decay
        self.uncertain = weighting == "uncertainty"
        self.log_variance = nn.Parameter(torch.zeros(len(heads)), requires_grad=self.uncertain)
        self._watch = [name == WATCH for name in heads]

    def forward(self, logits: Tensor, rows: Rows) -> Tensor:
        """Loss of each head, summed over the rows whose label is known, [H]."""
        actions = rows.labels.clamp(max=1)
        if self.decay is not None:
            actions = actions / look_chance(rows.position, self.decay)[:, None]
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, actions, reduction="none")
        watched = self.watch_weight * _watch_loss(self.watch, logits, rows.labels)
        is_watch = torch.tensor(self._watch, device=logits.device)
        return (torch.where(is_watch, watched, entropy) * rows.known).sum(0)

    def joined(self, losses: Tensor, rows: Rows) -> Tensor:
        """One loss of `forward`'s [H], per row."""
        if not self.uncertain:
            return losses.sum() / rows.size
        means = losses / rows.known.sum(0).clamp(min=1)
        # A Gaussian's exponent has a half, a class's has none.
        share = torch.tensor([0.5 if watch else 1.0 for watch in self._watch], device=losses.device)
        return (share * torch.exp(-self.log_variance) * means + self.log_variance / 2).sum()


def look_chance(position: Tensor, decay: float) -> Tensor:
    """Chance that slot + 1 = `position` [N] was looked at, float32 [N]; 0 = unknown counts as looked at."""
    return position.clamp(min=1).float().pow(-decay).clamp(min=_LEAST_LOOK)


def _watch_loss(name: WatchLoss, logits: Tensor, logs: Tensor) -> Tensor:
    """`logs` are log(1 + seconds)."""
    if name == "log_squares":
        return (logits - logs).square()
    if name == "median":
        return (logits - logs).abs()
    # Of odds 1 + seconds, so that they are log(1 + seconds) like the others.
    softplus = nn.functional.softplus
    return torch.exp(logs) * softplus(-logits) + softplus(logits)


def correction(heads: Sequence[str], negative_share: float) -> Tensor:
    """What brings logits back to all rows when of the negatives a share was trained on, float32 [H].

    Odds were 1 / share too high (He et al., "Practical lessons from predicting clicks on ads at Facebook", 2014).
    """
    share = torch.tensor([1.0 if name == WATCH else negative_share for name in heads])
    return torch.log(share)
