"""The whole road from source data to a release; every step is reused when nothing it depends on has changed."""

from pathlib import Path

from cluster.content_encoder import load_encoder
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
    return _build(settings, dataset)


def ensure_release(settings: Settings, dataset: DataSet) -> Release:
    """The newest release of this very data set, features and content encoder; a new one where there is none."""
    for release in reversed(Releases(settings.releases).all()):
        manifest = release.manifest
        made_of = (manifest.dataset_fingerprint, manifest.features, manifest.content_encoder)
        if made_of == (dataset.manifest.fingerprint, NAMES, settings.catalogue.encoder):
            return release
    return _build(settings, dataset)


def _build(settings: Settings, dataset: DataSet) -> Release:
    encoder = settings.catalogue.encoder
    load_encoder(encoder)  # a name that is wrong is told before hours of training, not after
    return build_release(Releases(settings.releases), dataset, train(settings, dataset), encoder)
