"""The whole road from source data to a release; every step is reused when nothing it depends on has changed."""

from pathlib import Path

from cluster.release import Release, Releases
from cluster.settings import Settings
from kernels.features import NAMES
from training.data.dataset import DataSet
from training.data.ensure import ensure_dataset
from training.release.build import build_release
from training.train.all import train


def release_from_data(settings: Settings, data: Path | None = None) -> Release:
    """A new release of the data in `data`, else of the settings' data; trains what is not trained yet."""
    dataset = ensure_dataset(settings if data is None else settings.model_copy(update={"data": data}))
    return build_release(Releases(settings.releases), dataset, train(settings, dataset))


def ensure_release(settings: Settings, dataset: DataSet) -> Release:
    """The newest release of this very data set and of the present features; a new one where there is none."""
    releases = Releases(settings.releases)
    for release in reversed(releases.all()):
        manifest = release.manifest
        if manifest.dataset_fingerprint == dataset.manifest.fingerprint and manifest.features == NAMES:
            return release
    return build_release(releases, dataset, train(settings, dataset))
