"""The contenders. Another one is a program beside these, and a line here."""

from collections.abc import Sequence
from typing import Final

from benchmarks.contenders.contender import Contender
from cluster.errors import InvalidField

#: What the others are compared with.
REFERENCE: Final = "fused"

CONTENDERS: Final = {
    contender.name: contender
    for contender in (
        Contender(REFERENCE, "Cascade, topology `fused`: what `cascade up` runs"),
        Contender(
            "distributed", "Cascade, topology `distributed`: shards of the index and a ranker beside the feed servers"
        ),
        Contender("noop", "Ray Serve as Cascade sets it up, with an application that does nothing", makes_feeds=False),
        Contender("monolith", "FastAPI and uvicorn around the same pipeline, JSON by pydantic", line_per_worker=True),
        Contender("composition", "the usual Ray Serve: a deployment per stage, `@serve.batch`, default settings"),
    )
}


def chosen(names: str) -> Sequence[Contender]:
    """The contenders of `names`, with commas between. Raises InvalidField for one that there is not."""
    parts = [part.strip() for part in names.split(",")]
    if not set(parts) <= CONTENDERS.keys() or len(set(parts)) < len(parts):
        raise InvalidField("contenders", names, f"must be different ones of {', '.join(CONTENDERS)}, with commas")
    return [CONTENDERS[part] for part in parts]
