"""Experiments: users are dealt to arms, for which settings may differ."""

import hashlib
from collections.abc import Sequence

from pydantic import Field, field_validator

from cluster.section import Section


class Experiment(Section):
    """One experiment. Who is in which arm follows from its name and the user's id, so it needs to be kept nowhere."""

    name: str = Field(description="deals users anew where it differs", pattern="^[a-z0-9_-]{1,64}$")
    arms: dict[str, float] = Field(description="share of the users in each arm; the rest take no part")

    @field_validator("arms")
    @classmethod
    def _shares(cls, arms: dict[str, float]) -> dict[str, float]:
        if not arms or any(not 0 < share <= 1 for share in arms.values()) or sum(arms.values()) > 1 + 1e-9:
            raise ValueError("needs an arm, with shares above 0 that add up to 1 at most")
        return arms

    def arm_of(self, user_id: int) -> str | None:
        """The arm that a user is in; None: not in the experiment."""
        digest = hashlib.blake2b(f"{self.name}:{user_id}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "little") / 2**64
        for arm, share in self.arms.items():
            if place < share:
                return arm
            place -= share
        return None


def arms_of(experiments: Sequence[Experiment], user_id: int) -> dict[str, str]:
    """The arm that a user is in, by experiment; those in which they take no part are left out."""
    arms = {experiment.name: experiment.arm_of(user_id) for experiment in experiments}
    return {name: arm for name, arm in arms.items() if arm is not None}
