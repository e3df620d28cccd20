import subprocess
import sys

import psutil
import pytest

from benchmarks.process_tree import cpu_seconds, memory_mb, tree

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
#: Has a child that burns CPU and lives on, and one that has ended.
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
child = subprocess.Popen([sys.executable, "-c", {BURN!r} + "print(flush=True); input(); kept = 0"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
input()
child.stdin.close()
child.wait()
"""


def test_cpu_and_memory_are_those_of_children_too_ended_or_not():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        root = psutil.Process(parent.pid)
        found = tree([root])
        assert root in found
        assert len(found) == 2
        assert cpu_seconds(found) >= 0.6 > cpu_seconds([root]) >= 0.3
        assert memory_mb(found) > memory_mb([root]) > 1
        parent.stdin.write(b"\n")
        parent.stdin.flush()
    assert tree([root]) == []
    assert cpu_seconds(found) == memory_mb(found) == 0


def test_a_process_in_two_trees_counts_once():
    me = psutil.Process()
    assert len(tree([me, me])) == len(tree([me]))
    assert cpu_seconds(tree([me, me])) == pytest.approx(cpu_seconds(tree([me])), abs=0.5)
