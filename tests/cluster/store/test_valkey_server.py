import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis

from cluster.errors import CascadeError
from cluster.settings import Events, Server, Store
from cluster.store.valkey_server import ValkeyServer, valkey_binary
from tests.conftest import free_port


@pytest.mark.parametrize(("settings", "fsync"), [(Store, "everysec"), (Events, "always")])
def test_configuration_is_durable_and_loopback_only(tmp_path: Path, settings: type[Server], fsync: str) -> None:
    with ValkeyServer(tmp_path, settings(port=free_port())) as server, redis.Redis.from_url(server.url) as client:
        config = client.config_get("*")
        assert config["bind"] == "127.0.0.1"
        assert config["appendonly"] == "yes"
        assert config["appendfsync"] == fsync
        assert config["save"] == ""
        assert config["maxmemory-policy"] == "noeviction"
        assert config["protected-mode"] == "yes"
        assert config["dir"] == str(tmp_path)
        assert client.info("server")["process_id"] == server.pid
    assert server.pid is None
    assert "Ready to accept connections" in server.log.read_text()


def test_stop_and_start_keep_what_was_written(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path, Store(port=free_port(), fsync="everysec"))
    for expected in (None, b"1", b"2"):
        with server, redis.Redis.from_url(server.url) as client:
            assert client.get("n") == expected
            client.incr("n")


def test_a_taken_port_is_named_with_the_log(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CascadeError, match=f"(?s)port {port}.*Address already in use") as refused:
            ValkeyServer(tmp_path, Events(port=port)).start()
    assert "CASCADE_EVENTS__PORT" in refused.value.remedy


def test_another_valkey_on_the_port_is_not_taken_for_ours(store_server: ValkeyServer, tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="did not start"):
        ValkeyServer(tmp_path, Store(port=store_server.port)).start()


def test_a_folder_serves_one_server(store_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.store.valkey_server.LOCK_S", 0.1)
    with pytest.raises(CascadeError, match="in use by another Valkey"):
        ValkeyServer(store_server.folder, Store(port=free_port())).start()


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path, Store(port=free_port()))
    with server, redis.Redis.from_url(server.url) as client:
        client.set("a", "b")
    next((tmp_path / "appendonlydir").glob("*.incr.aof")).write_bytes(b"not an append-only file\r\n" * 3)
    with pytest.raises(CascadeError, match="Bad file format") as refused:
        server.start()
    assert str(server.log) in refused.value.remedy


def test_it_dies_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom cluster.settings import Store\n"
        "from cluster.store.valkey_server import ValkeyServer\n"
        f"server = ValkeyServer(Path({str(tmp_path)!r}), Store(port={free_port()})).start()\n"
        "sys.stdout.write(f'{server.pid}\\n'); sys.stdout.flush()\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        assert server.exe() == os.path.realpath(valkey_binary())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
