"""Releases: immutable folders of models, index and post table, with a manifest that names every file's checksum."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from cluster.errors import CascadeError

MANIFEST: Final = "manifest.json"
#: Raised whenever this build could no longer serve what an older one has made.
FORMAT: Final = 3


class OtherFormat(CascadeError):
    """A release that an older or newer build has made."""


class File(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int


class _Format(msgspec.Struct, frozen=True):
    """The part of a manifest that every format has."""

    format: int


class Manifest(msgspec.Struct, frozen=True):
    """What a release is made of. Times are Unix milliseconds."""

    release: str
    format: int
    created_ms: int
    dataset: str
    dataset_fingerprint: str
    data_end_ms: int  # models and counters saw only what happened before
    utc_offset_ms: int
    features: tuple[str, ...]
    heads: tuple[str, ...]
    recipe: str  # how its models were trained,
    recipe_fingerprint: str  # and all that this says
    content_encoder: str  # "module:Class" that embeds posts which bring no embedding
    coverage: dict[str, float]  # share of rows for which each feature had its data
    metrics: dict[str, Any]  # of each training step, and of the index
    held_out: dict[str, Any]  # what the ranker is worth on the last day, see training.release.held_out
    versions: dict[str, str]
    files: dict[str, File]


@dataclass(frozen=True, slots=True)
class Release:
    """One release on disk."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.release

    @classmethod
    def open(cls, folder: Path) -> "Release":
        """Read the manifest of the release in `folder`. Raises CascadeError when there is none or it is damaged."""
        path = folder / MANIFEST
        try:
            content = path.read_bytes()
            found = msgspec.json.decode(content, type=_Format).format
            if found != FORMAT:
                raise OtherFormat(
                    f"release {folder.name} has format {found}, this build reads {FORMAT}",
                    "make a new one with `cascade release build`",
                )
            manifest = msgspec.json.decode(content, type=Manifest)
        except FileNotFoundError:
            raise CascadeError(
                f"{folder} is not a release: it has no {MANIFEST}", "see `cascade release list`"
            ) from None
        except msgspec.DecodeError as error:
            raise CascadeError(f"{path} is damaged: {error}", "build the release again") from None
        return cls(folder, manifest)

    def verify(self) -> None:
        """Compare every file with its checksum. Raises CascadeError naming the files that are missing or damaged."""
        faults = []
        for name, file in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file():
                faults.append(f"{name} is missing")
            elif path.stat().st_size != file.bytes:
                faults.append(f"{name} has {path.stat().st_size} bytes instead of {file.bytes}")
            elif _sha256(path) != file.sha256:
                faults.append(f"{name} is damaged: its SHA-256 is not {file.sha256}")
        if faults:
            raise CascadeError(
                f"release {self.name} is refused: {'; '.join(faults)}", "build it again, or take another"
            )


@dataclass(frozen=True, slots=True)
class Releases:
    """The folder that holds all releases, oldest name first."""

    root: Path

    def all(self) -> list[Release]:
        """Every complete release; unfinished and foreign folders, and other formats, are passed over."""
        return [each for each in self._found() if isinstance(each, Release)]

    def of_other_formats(self) -> list[OtherFormat]:
        """What is to be said of each release that another build has made."""
        return [each for each in self._found() if isinstance(each, OtherFormat)]

    def get(self, name: str) -> Release:
        """The release called `name`. Raises CascadeError naming those that there are."""
        if not (self.root / name / MANIFEST).is_file():
            known = [release.name for release in self.all()]
            raise CascadeError(f"there is no release {name!r}; there are {known}", "see `cascade release list`")
        return Release.open(self.root / name)

    def prune(self, keep: int, needed: set[str]) -> list[str]:
        """Remove all but the newest `keep` releases and those that are `needed`; the names of those removed."""
        gone = [release for release in self.all()[:-keep] if release.name not in needed]
        for release in gone:
            # Out of the list at once: a folder that is half gone is no release.
            part = self.root / f".removed-{release.name}"
            release.folder.rename(part)
            shutil.rmtree(part)
        return [release.name for release in gone]

    def _found(self) -> Iterator[Release | OtherFormat]:
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        for folder in folders:
            if (folder / MANIFEST).is_file() and not folder.name.startswith("."):
                try:
                    yield Release.open(folder)
                except OtherFormat as error:
                    yield error

    def newest(self) -> Release:
        """The release built last. Raises CascadeError when there is none."""
        releases = self.all()
        if not releases:
            raise CascadeError(f"there is no release in {self.root}", "make one with `cascade release build`")
        return releases[-1]

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A temporary folder to fill; `seal` makes a release of it, otherwise it is removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        part = self.root / f".building-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def seal(self, part: Path, **manifest: Any) -> Release:
        """Make the filled folder a release: checksums, manifest last, one rename. Arguments: Manifest's fields."""
        files = {
            str(path.relative_to(part)): File(_sha256(path), path.stat().st_size)
            for path in sorted(part.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha256(msgspec.json.encode({name: file.sha256 for name, file in files.items()})).hexdigest()
        created_ms = time.time_ns() // 1_000_000
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created_ms // 1000))
        name = f"{stamp}-{digest[:8]}"
        sealed = Manifest(release=name, format=FORMAT, created_ms=created_ms, files=files, **manifest)
        (part / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=2) + b"\n")
        part.rename(self.root / name)
        return Release(self.root / name, sealed)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
