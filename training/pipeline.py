"""The whole road from source data to a release; every step is reused when nothing it depends on has changed."""

from pathlib import Path

from cluster.content_encoder import load_encoder
from cluster.live_release import LiveFile, with_live
from cluster.release import Release, Releases
from cluster.settings import Settings
from kernels.features import NAMES
from training.data.dataset import DataSet
from training.data.ensure import ensure_dataset
from training.recipes import recipe_named
from training.release.build import build_release
from training.train.all import train


def release_from_data(settings: Settings, data: Path | None = None, recipe: str | None = None) -> Release:
    """A new release of the data in `data`, else of the settings' data; trains what is not trained yet.

    `recipe`: how; default: the one that the settings name.
    """
    dataset = ensure_dataset(settings, data)
    return _build(settings, dataset, recipe or settings.training.recipe)


def ensure_release(settings: Settings, dataset: DataSet) -> Release:
    """The release to serve, which is live when this returns.

    The live one if it was promoted and can be served by this build. Else one of this very data set, recipe and content
    encoder: the live one, the newest, or a new one.
    """
    file = LiveFile(settings.releases)
    record = file.read()
    releases = [release for release in Releases(settings.releases).all() if release.manifest.features == NAMES]
    fitting = [release for release in releases if _fits(release, settings, dataset)]
    live = [release for release in releases if record and release.name == record.live]
    if record and live and (record.promoted or live[0] in fitting):
        return live[0]
    chosen = fitting[-1] if fitting else _build(settings, dataset, settings.training.recipe)
    if not (record and record.live == chosen.name):
        file.change(lambda record: with_live(record, chosen.name, "start"))
    return chosen


def _fits(release: Release, settings: Settings, dataset: DataSet) -> bool:
    manifest = release.manifest
    made_of = (manifest.dataset_fingerprint, manifest.content_encoder, manifest.recipe_fingerprint)
    recipe = recipe_named(settings.training.recipe)
    return made_of == (dataset.manifest.fingerprint, settings.catalogue.encoder, recipe.fingerprint)


def _build(settings: Settings, dataset: DataSet, recipe: str) -> Release:
    encoder, how = settings.catalogue.encoder, recipe_named(recipe)
    load_encoder(encoder)  # a name that is wrong is told before hours of training, not after
    work = train(settings, dataset, recipe=how)
    return build_release(Releases(settings.releases), dataset, work, encoder, (recipe, how.fingerprint))
