"""Both stores, filled, for whoever is measured on them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

from benchmarks.contenders.ground import Ground
from cluster.settings import Settings
from deployments.filling import fill
from deployments.stores import open_stores
from training.data.dataset import DataSet


@contextmanager
def filled_ground(settings: Settings, dataset: DataSet) -> Iterator[tuple[Ground, Sequence[psutil.Process]]]:
    """What contenders stand on, and the processes of the stores that were started here."""
    with open_stores(settings) as stores:
        clock = asyncio.run(fill(stores.urls, settings, dataset))
        serving = settings.serving
        processes = [process for id in stores.processes.values() if id and (process := id.find())]
        yield Ground(stores.urls, clock, serving.host, serving.port, serving.min_replicas), processes
