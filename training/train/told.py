"""What a training loop told last, kept where the process that shows it can ask.

A module of its own, because it lives in a process of its own, which has no need of torch and Ray Train.
"""

#: What was measured at a step: (step, {name: value}).
Point = tuple[int, dict[str, float]]


class Told:
    """The last thing a loop told: how much is done, of how much, and a word on it; and all that it measured."""

    def __init__(self) -> None:
        self.last = (0.0, 1.0, "starting")
        self.points: list[Point] = []

    def tell(self, done: float, total: float, word: str, step: int, figures: dict[str, float]) -> None:
        self.last = (done, total, word)
        if figures:
            self.points.append((step, figures))

    def ask(self) -> tuple[tuple[float, float, str], list[Point]]:
        """The last thing, and what was measured since this was asked for before."""
        points, self.points = self.points, []
        return self.last, points
