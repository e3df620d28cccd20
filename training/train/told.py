"""What a training loop told last, kept where the process that shows it can ask.

A module of its own, because it lives in a process of its own, which has no need of torch and Ray Train.
"""


class Told:
    """The last thing a loop told: how much is done, of how much, and a word on it."""

    def __init__(self) -> None:
        self.last = (0.0, 1.0, "starting")

    def tell(self, done: float, total: float, word: str) -> None:
        self.last = (done, total, word)

    def ask(self) -> tuple[float, float, str]:
        return self.last
