"""A synthetic world, made from its parameters and written as a data set with its truth."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from training.data.dataset import DataSet, write_dataset
from training.data.progress import Progress, silent
from training.data.sources import describe
from training.data.synth.graph import degrees, follows_table, make_graph
from training.data.synth.parameters import UTC_OFFSET_MINUTES, Parameters
from training.data.synth.population import make_people, users_table
from training.data.synth.posts import ads_table, make_posts, posts_table
from training.data.synth.simulation import Simulation
from training.data.synth.world import World


def synthesise(parameters: Parameters, folder: Path, name: str | None = None, progress: Progress = silent) -> DataSet:
    """Make the world of `parameters` and write it as the data set `folder`, whose name is `folder`'s by default.

    The same parameters give the same files, byte for byte. Impressions are written day by day, so memory grows with
    one day's and not with all. `World.load(folder)` opens the truth.
    """
    people = make_people(parameters)
    posts = make_posts(parameters, people)
    simulation = Simulation(parameters, people, posts, make_graph(parameters, people))

    def follows() -> Iterator[pa.Table]:
        # Made when it is written, after the impressions, which add to the graph.
        yield follows_table(simulation.graph)

    tables = {
        "posts": posts_table(parameters, posts),
        "users": users_table(people, *degrees(simulation.graph, parameters.users)),
        "impressions": simulation.impressions(progress),
        "follows": follows(),
        "ads": ads_table(parameters, posts),
    }
    return write_dataset(
        folder,
        name or Path(folder).name,
        tables,
        UTC_OFFSET_MINUTES,
        describe("synthetic", (), **asdict(parameters)),
        lambda part: World(parameters, people, posts, simulation.graph.follow).save(part),
    )
