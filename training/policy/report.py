"""What was found of policies, as a JSON document and as tables."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from training.evaluation.bootstrap import Interval
from training.policy.logged import LoggedJudged
from training.policy.posts import Explored
from training.policy.slots import SOURCES
from training.policy.sources import SourcesTried


def document(facts: dict[str, Any], sources: SourcesTried, posts: dict[str, Explored]) -> dict[str, Any]:
    """JSON values; intervals are [value, low, high]."""
    judged = [
        {"log": of.log, "target": of.target, "truth": of.truth, **of.estimates._asdict(), "errors": of.errors}
        for of in sources.judged
    ]
    earned = {name: asdict(of) for name, of in sources.earned.items()}
    return {
        **facts,
        "slots": sources.slots,
        "sources": earned,
        "estimates": judged,
        "exploration_slot": {name: asdict(of) for name, of in posts.items()},
    }


def tables(facts: dict[str, Any], sources: SourcesTried, posts: dict[str, Explored]) -> list[Table]:
    earned = Table("", "reward", "expected", "ahead of eps.", *SOURCES, title="Bandits over sources")
    earned.caption = ", ".join(f"{name} {value}" for name, value in facts.items())
    for name, of in sorted(sources.earned.items(), key=lambda item: -item[1].expected):
        ahead = "" if of.ahead is None else f"{of.ahead.value:+.4f} ±{_half(of.ahead):.4f}"
        earned.add_row(
            name, f"{of.reward:.0f}", f"{of.expected:.0f}", ahead, *(f"{of.mix[source]:.2f}" for source in SOURCES)
        )
    judged = Table("log of", "policy", "truth", "IPS", "SNIPS", "DR", "effective", title="Off-policy estimates")
    judged.caption = "reward of a slot, with the error beside it"
    for row in sources.judged:
        cells = (f"{getattr(row.estimates, name).value:.4f} {error:+.1%}" for name, error in row.errors.items())
        judged.add_row(row.log, row.target, f"{row.truth:.4f}", *cells, f"{row.estimates.effective:.0f}")
    explored = Table("", "reward", "expected", "of the better half", title="Exploration slot")
    for rule, found in sorted(posts.items(), key=lambda item: -item[1].expected):
        expected = f"{found.expected:.0f} ±{2 * found.error:.0f}"
        explored.add_row(rule, f"{found.reward:.0f}", expected, f"{found.upper_half:.2f}")
    return [earned, judged, explored]


def logged_document(found: LoggedJudged) -> dict[str, Any]:
    """JSON values; intervals are [value, low, high]."""
    return {
        "decisions": found.decisions,
        "sources": found.sources,
        "served": found.served,
        "estimates": {name: of._asdict() for name, of in found.estimates.items()},
    }


def logged_table(found: LoggedJudged) -> Table:
    table = Table("policy", "IPS", "SNIPS", "DR", "effective", title=f"By {found.decisions} decisions that were served")
    table.caption = f"reward of a feed; what was served earned {found.served.value:.4f} ±{_half(found.served):.4f}"
    for name, of in sorted(found.estimates.items(), key=lambda item: -item[1].dr.value):
        cells = (f"{interval.value:.4f} ±{_half(interval):.4f}" for interval in (of.ips, of.snips, of.dr))
        table.add_row(name, *cells, f"{of.effective:.0f}")
    return table


def _half(interval: Interval) -> float:
    return (interval.high - interval.low) / 2
