"""Where unfinished runs keep their checkpoints: a folder, or any file system that pyarrow or fsspec can reach."""

from pathlib import Path
from typing import NamedTuple

from pyarrow.fs import FileSystem, FileType, FSSpecHandler, LocalFileSystem, PyFileSystem

from cluster.errors import InvalidField


class Storage(NamedTuple):
    """A folder of a file system. On a cluster of several nodes, all of them must reach it."""

    files: FileSystem
    path: str

    @classmethod
    def at(cls, url: str) -> "Storage":
        """The folder at a URL such as s3://bucket/runs, or at a path; made if need be.

        Raises InvalidField when there is no such file system, or nothing can be written there.
        """
        try:
            storage = cls(*_resolve(url))
            storage.files.create_dir(storage.path, recursive=True)
        except (ValueError, OSError, ImportError) as error:  # ArrowInvalid is a ValueError
            raise InvalidField("--storage", url, f"checkpoints cannot be kept there: {error}") from None
        return storage

    def remove(self, name: str) -> None:
        """Remove the folder `name`, if it is there."""
        path = f"{self.path}/{name}"
        if self.files.get_file_info(path).type != FileType.NotFound:
            self.files.delete_dir(path)


def _resolve(url: str) -> tuple[FileSystem, str]:
    if "://" not in url:
        return LocalFileSystem(), str(Path(url).resolve())
    try:
        return FileSystem.from_uri(url)  # type: ignore[no-any-return]
    except ValueError:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(url)
        return PyFileSystem(FSSpecHandler(files)), path
