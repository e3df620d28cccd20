"""Curves for TensorBoard."""

import struct
import sys
from pathlib import Path

import pytest

from cluster.errors import CascadeError
from training.train.curves import curves, tensorboard
from training.train.told import Told


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    """(step, name, value) of TensorBoard's one file in `folder`: records of length, checksum, event, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.iterdir()
    raw, at, found = file.read_bytes(), 0, []
    while at < len(raw):
        (length,) = struct.unpack_from("<Q", raw, at)
        event = Event.FromString(raw[at + 12 : at + 12 + length])
        found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
        at += length + 16
    return found


def test_what_was_told_is_written_once(tmp_path: Path) -> None:
    told = Told()
    told.tell(1, 3, "", 20, {"loss": 0.5, "rate": 8.0})
    with curves(tmp_path / "run") as written:
        written.add(told.ask()[1])
        told.tell(2, 3, "no figures", 0, {})
        told.tell(3, 3, "done", 40, {"loss": 0.25})
        last, points = told.ask()
        written.add(points)
        assert told.ask() == (last, [])
    assert last == (3, 3, "done")
    assert scalars(tmp_path / "run") == [(20, "loss", 0.5), (20, "rate", 8.0), (40, "loss", 0.25)]


def test_without_a_folder_nothing_is_written() -> None:
    with curves(None) as written:
        written.add([(1, {"loss": 1.0})])


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(CascadeError, match="tensorboardX is not installed") as error:
        tensorboard()
    assert error.value.remedy == "pip install 'cascade-feed[tensorboard]'"
