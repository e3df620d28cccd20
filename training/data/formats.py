"""Which kind of data a folder holds, and the importer for it."""

from pathlib import Path
from typing import Any

from cluster.errors import CascadeError
from training.data import importer, kuairand
from training.data.archive import describe_archive, import_archive, is_archive
from training.data.dataset import DataSet
from training.data.progress import Progress, silent
from training.data.sources import describe


def describe_folder(src: Path) -> dict[str, Any]:
    """The `source` entry that an import of `src` would have now. Raises CascadeError when nothing there is known."""
    src = Path(src)
    if kuairand.is_kuairand(src):
        return describe(kuairand.KIND, kuairand.find_files(src).all)
    if is_archive(src):
        return describe_archive(src)
    tables = importer.find_tables(src)
    if not tables:
        raise CascadeError(
            f"{src} holds no data that Cascade knows",
            "name a folder with posts, users and impressions (docs/data.md), with KuaiRand-Pure, or with an archive",
        )
    return describe(importer.KIND, tables.values())


def import_any(
    src: Path,
    dst: Path,
    name: str | None = None,
    utc_offset_minutes: int = 0,
    progress: Progress = silent,
    base: Path | None = None,
) -> DataSet:
    """Import KuaiRand-Pure, an archive or tables in Cascade's schema, whichever `src` holds, as the data set `dst`.

    `utc_offset_minutes` is for tables, the others have their own; `base` is for archives.
    """
    if kuairand.is_kuairand(src):
        return kuairand.import_kuairand(src, dst, name, progress)
    if is_archive(src):
        return import_archive(src, dst, name, base, progress)
    return importer.import_folder(src, dst, name, utc_offset_minutes, progress)
