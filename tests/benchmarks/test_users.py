import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.http_client import Address
from benchmarks.users import FeedRequests, read_user_ids
from cluster.errors import CascadeError
from cluster.wire import FeedRequest


@pytest.fixture
def dataset(tmp_path):
    pq.write_table(pa.table({"user_id": pa.array([7, 8, 2**40], pa.int64())}), tmp_path / "users.parquet")
    return tmp_path


def test_ids_of_a_folder_or_a_file(dataset):
    assert read_user_ids(dataset).tolist() == [7, 8, 2**40]
    assert read_user_ids(dataset / "users.parquet").tolist() == [7, 8, 2**40]


def test_what_has_no_ids_is_named(tmp_path):
    with pytest.raises(CascadeError, match=r"users\.parquet"):
        read_user_ids(tmp_path)
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(CascadeError, match=r"text\.parquet"):
        read_user_ids(tmp_path / "text.parquet")
    pq.write_table(pa.table({"id": [1]}), tmp_path / "other.parquet")
    with pytest.raises(CascadeError, match="user_id"):
        read_user_ids(tmp_path / "other.parquet")
    pq.write_table(pa.table({"user_id": pa.array([], pa.int64())}), tmp_path / "empty.parquet")
    with pytest.raises(CascadeError, match="has no users"):
        read_user_ids(tmp_path / "empty.parquet")


def test_requests_are_of_all_users_alike_and_seeded():
    requests = FeedRequests(Address("h", 1), np.arange(10), limit=30)
    first, again = (requests.bodies(5000, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    decoded = [msgspec.json.decode(body, type=FeedRequest) for body in first]
    assert {request.limit for request in decoded} == {30}
    counts = np.bincount([request.user_id for request in decoded])
    assert counts.min() > 400
    assert counts.max() < 600


def test_a_drawn_request_is_a_whole_http_request():
    requests = FeedRequests(Address("h", 1), np.array([5]))
    [payload] = requests.draw(1, np.random.default_rng(0))
    head, body = payload.split(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/feed HTTP/1.1\r\nhost: h:1\r\n")
    assert b"content-length: %d" % len(body) in head
    assert msgspec.json.decode(body) == {"user_id": 5, "surface": "home", "limit": 50}
