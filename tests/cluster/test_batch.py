import pytest

from cluster.batch import parse_batch
from cluster.errors import InvalidField


def small(part: bytes) -> int:
    if not part.isdigit():
        raise InvalidField("size", part.decode(), "must be a number")
    return int(part)


@pytest.mark.parametrize(
    ("body", "items", "field"),
    [
        (b'{"sizes": [1, 2]}', [1, 2], None),
        (b'{"sizes": [1, {}, 3]}', [1, 3], "sizes[1].size"),
        (b'{"sizes": []}', [], "sizes"),
        (b'{"sizes": [1, 1, 1, 1]}', [], "sizes"),
        (b'{"sizes": 3}', [], "sizes"),
        (b'{"sizes": [1], "colour": "red"}', [], "colour"),
        (b'{"other": 1}', [], "size"),
        (b"7", [], "body"),
        (b'{"sizes": [1', [], "body"),
    ],
)
def test_good_items_are_kept_and_bad_ones_named_by_their_place(body, items, field):
    found, errors = parse_batch(body, "sizes", 3, small)
    assert found == items
    assert [error.field for error in errors] == ([field] if field else [])
