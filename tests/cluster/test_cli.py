import json
import subprocess
import sys
from pathlib import Path

import pytest

CASCADE = Path(sys.executable).with_name("cascade")
HEAVY = ("ray", "torch", "numba", "numpy", "pyarrow", "pydantic", "faiss", "xgboost", "redis")


def cascade(*arguments, **environment):
    command = [str(CASCADE), *arguments]
    return subprocess.run(command, env=environment or None, capture_output=True, text=True, timeout=60)


def test_help_names_every_group_and_loads_none_of_them():
    code = (
        "import sys, json\n"
        "sys.argv = ['cascade', '--help']\n"
        "from cluster.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps([m for m in sys.modules if '.' not in m]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    *text, loaded = done.stdout.splitlines()
    shown = "\n".join(text)
    for group in ("up", "down", "status", "data", "train", "tune", "evaluate", "release", "bench", "plan"):
        assert f" {group} " in shown
    assert not set(HEAVY) & set(json.loads(loaded))


@pytest.mark.parametrize("group", ["data", "train", "tune", "evaluate", "release", "bench", "plan"])
def test_every_group_has_help(group):
    done = cascade(group, "--help")
    assert done.returncode == 0, done.stderr
    assert f"cascade {group}" in done.stdout


def test_an_error_is_one_message_with_its_remedy(tmp_path):
    done = cascade("status", CASCADE_HOME=str(tmp_path), PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert done.stderr == "error: Cascade is not up\n  -> start it with `cascade up`\n"


def test_wrong_settings_are_an_error_with_their_place():
    done = cascade("status", CASCADE_SERVING__PORT="many", PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert "serving.port has value 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_down_with_nothing_up_is_fine(tmp_path):
    done = cascade("down", "--json", CASCADE_HOME=str(tmp_path), PATH="/usr/bin:/bin")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"was_up": False, "stopped_singly": 0})
