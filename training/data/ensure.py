"""The data set that `cascade up` works on: imported or made once, then reused while its source is unchanged."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from cluster.errors import CascadeError
from cluster.settings import Settings
from training.data.dataset import MANIFEST, DataSet
from training.data.formats import describe_folder, import_any
from training.data.progress import Progress, bars
from training.data.sources import describe
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise

#: Taken when no folder is named and it is there.
DEFAULT_SOURCE: Final = Path("../shared/data/kuairand_pure")
#: Made when there is no other data.
SMALL_WORLD: Final = Parameters(users=2_000, posts=3_000, days=14, seed=1)


def ensure_dataset(settings: Settings, data: Path | None = None, progress: Progress | None = None) -> DataSet:
    """The data set to work on, imported or made first if needed; progress goes to stderr by default.

    The source is `data` or else `settings.data` (a data set is opened where it is), else KuaiRand-Pure at
    DEFAULT_SOURCE, else a small synthetic world. Raises CascadeError when there is no data, or it is wrong.
    """
    source = data or settings.data or (DEFAULT_SOURCE if DEFAULT_SOURCE.is_dir() else None)
    if source is None:
        return _reuse_or_make(
            settings.datasets / "synthetic",
            describe("synthetic", (), **asdict(SMALL_WORLD)),
            lambda folder, follow: synthesise(SMALL_WORLD, folder, progress=follow),
            progress,
        )
    if not source.is_dir():
        raise CascadeError(f"{source} is not a folder", "set CASCADE_DATA to the folder of your data, or unset it")
    if (source / MANIFEST).exists():
        return DataSet.open(source)
    return _reuse_or_make(
        settings.datasets / source.resolve().name,
        describe_folder(source),
        lambda folder, follow: import_any(source, folder, progress=follow),
        progress,
    )


def _reuse_or_make(
    folder: Path, source: dict[str, Any], make: Callable[[Path, Progress], DataSet], progress: Progress | None
) -> DataSet:
    if (folder / MANIFEST).exists():
        made = DataSet.open(folder)
        if made.manifest.source == source:
            return made
    if progress is not None:
        return make(folder, progress)
    with bars() as shown:
        return make(folder, shown)
