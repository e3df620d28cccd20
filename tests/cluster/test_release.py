import pytest

from cluster.errors import CascadeError
from cluster.release import Release, Releases

FIELDS = {
    "dataset": "d",
    "dataset_fingerprint": "f",
    "data_end_ms": 1,
    "utc_offset_ms": 0,
    "features": ("a",),
    "heads": ("like",),
    "recipe": "default",
    "recipe_fingerprint": "r",
    "content_encoder": "module:Class",
    "coverage": {},
    "metrics": {},
    "held_out": {},
    "versions": {},
}


def build(root, content=b"weights"):
    releases = Releases(root)
    with releases.building() as part:
        (part / "model").mkdir()
        (part / "model" / "weights.bin").write_bytes(content)
        (part / "index.bin").write_bytes(b"index")
        return releases.seal(part, **FIELDS)


def test_a_release_is_found_by_name_and_as_the_newest(tmp_path):
    first, second = build(tmp_path), build(tmp_path, b"other weights")
    releases = Releases(tmp_path)
    assert {r.name for r in releases.all()} == {first.name, second.name}
    assert releases.get(first.name).manifest == first.manifest
    assert releases.newest().name == max(first.name, second.name)
    first.verify()
    assert set(first.manifest.files) == {"model/weights.bin", "index.bin"}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(b"weightz"), "model/weights.bin is damaged"),
        (lambda file: file.write_bytes(b"w"), "model/weights.bin has 1 bytes instead of 7"),
        (lambda file: file.unlink(), "model/weights.bin is missing"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, damage, said):
    release = build(tmp_path)
    damage(release.folder / "model" / "weights.bin")
    with pytest.raises(CascadeError, match=said) as error:
        Release.open(release.folder).verify()
    assert "index.bin" not in str(error.value)


def test_an_abandoned_build_leaves_nothing(tmp_path):
    releases = Releases(tmp_path)
    with releases.building() as part:
        (part / "half").write_bytes(b"done")
    assert list(tmp_path.iterdir()) == []
    assert releases.all() == []


def test_what_is_not_there_is_told_with_what_is(tmp_path):
    release = build(tmp_path)
    with pytest.raises(CascadeError, match=release.name):
        Releases(tmp_path).get("nope")
    with pytest.raises(CascadeError, match="no release"):
        Releases(tmp_path / "empty").newest()
    (release.folder / "manifest.json").write_text("{")
    with pytest.raises(CascadeError, match="damaged"):
        Releases(tmp_path).get(release.name)


def test_a_release_of_another_format_is_passed_over_and_refused_by_name(tmp_path):
    old, new = build(tmp_path), build(tmp_path, b"other weights")
    (old.folder / "manifest.json").write_text('{"format": 1}')
    assert [release.name for release in Releases(tmp_path).all()] == [new.name]
    assert list(map(str, Releases(tmp_path).of_other_formats())) == [
        f"release {old.name} has format 1, this build reads 3"
    ]
    with pytest.raises(CascadeError, match="has format 1"):
        Releases(tmp_path).get(old.name)


def test_old_releases_are_removed_but_for_those_that_are_needed(tmp_path):
    releases = Releases(tmp_path)
    for content in (b"a", b"b", b"c", b"d", b"e"):
        build(tmp_path, content)
    oldest, second, *newest = [release.name for release in releases.all()]
    assert releases.prune(3, {oldest}) == [second]
    assert [release.name for release in releases.all()] == [oldest, *newest]
    assert sorted(path.name for path in tmp_path.iterdir()) == [oldest, *newest]
    assert releases.prune(3, {oldest}) == []
