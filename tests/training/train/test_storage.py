"""Where checkpoints are kept."""

from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from cluster.errors import InvalidField
from training.train.storage import Storage


def test_a_path_a_url_and_a_chain_of_fsspec_are_folders(tmp_path: Path) -> None:
    places = [str(tmp_path / "path"), f"file://{tmp_path}/url", f"dir://chain::file://{tmp_path}"]
    for url, folder in zip(places, ("path", "url", "chain"), strict=True):
        storage = Storage.at(url)
        storage.files.create_dir(f"{storage.path}/run")
        assert (tmp_path / folder / "run").is_dir()
        storage.remove("run")
        storage.remove("run")  # is gone already
        assert not any((tmp_path / folder).iterdir())
    assert not isinstance(storage.files, LocalFileSystem)


@pytest.mark.parametrize("url", ["nowhere://bucket/runs", "/dev/null/runs"])
def test_what_cannot_be_written_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidField, match=r"--storage has value .* checkpoints cannot be kept there"):
        Storage.at(url)
