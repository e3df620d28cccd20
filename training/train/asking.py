"""An actor that many tell things, asked again and again by the process that shows them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import ray

_EVERY_S: Final = 0.5


@contextmanager
def asked(actor: type, hear: Callable[[Any], None]) -> Iterator[Any]:
    """The handle of a new `actor`, which lives as long as the block.

    What its `ask` answers is given to `hear`, in a thread, twice a second and once more at the end.
    """
    handle = ray.remote(num_cpus=0)(actor).remote()
    stop = threading.Event()

    def follow() -> None:
        ended = False
        while not ended:
            ended = stop.wait(_EVERY_S)
            hear(ray.get(handle.ask.remote()))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield handle
    finally:
        stop.set()
        thread.join(timeout=5)
        ray.kill(handle)
