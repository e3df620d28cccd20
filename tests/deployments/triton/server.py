"""A real Triton server, from the wheel of nvidia-pytriton in an environment of its own (`make triton`)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from tests.conftest import free_port

ENVIRONMENT = Path(__file__).parents[3] / ".triton"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
INSTALLED = ENVIRONMENT / "lib" / f"python{PYTHON}" / "site-packages"
Server = subprocess.Popen[bytes]
needs_triton = pytest.mark.skipif(not (INSTALLED / "pytriton").exists(), reason="no Triton: `make triton` installs it")


@contextmanager
def triton_server(models: Path, folder: Path) -> Iterator[tuple[str, Server]]:
    """The address of a server of the repository `models`, and its process; `folder` is for its own files."""
    parts = INSTALLED / "pytriton" / "tritonserver"
    shutil.copytree(parts / "backends", folder / "backends")
    shutil.copy(parts / "python_backend_stubs" / PYTHON / "triton_python_backend_stub", folder / "backends" / "python")
    libraries = f"{INSTALLED / 'nvidia_pytriton.libs'}:{sys.base_prefix}/lib"
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
        "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": libraries,
        "OPENBLAS_NUM_THREADS": "1",
    }
    url = f"127.0.0.1:{free_port()}"
    command = [str(parts / "bin" / "tritonserver"), "--model-repository", str(models)]
    command += [
        "--backend-directory",
        str(folder / "backends"),
        "--backend-config",
        "python,shm-default-byte-size=4194304",
    ]
    command += ["--allow-http=false", "--allow-metrics=false", "--grpc-address=127.0.0.1", f"--grpc-port={url[10:]}"]
    log = folder / "triton.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(url, server, log)
        yield url, server
    finally:
        server.send_signal(signal.SIGCONT)  # a test may have stopped it
        server.terminate()
        server.wait(30)


def _wait(url: str, server: Server, log: Path) -> None:
    with tritonclient.grpc.InferenceServerClient(url) as client:
        for _ in range(300):
            try:
                if client.is_server_ready():
                    return
            except InferenceServerException:
                pass
            if server.poll() is not None:
                break
            time.sleep(0.1)
    pytest.fail(f"Triton does not start:\n{log.read_text()[-3000:]}")
