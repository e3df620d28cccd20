import subprocess
import sys

from benchmarks import running_search
from benchmarks.running_search import RunningSearch

#: Takes the name of a trial and burns CPU until it is told to end.
TRIAL = """
import time
open("/proc/self/comm", "w").write("ray::ImplicitFu")
while time.process_time() < 0.5: pass
print(flush=True)
input()
"""


def test_what_an_ended_trial_used_stays_counted():
    search = RunningSearch(running_search._trials())
    with subprocess.Popen([sys.executable, "-c", TRIAL], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as trial:
        assert trial.stdin is not None
        assert trial.stdout is not None
        trial.stdout.readline()
        used = search.cpu_s()
        assert used > 0.3
        trial.stdin.write(b"\n")
    assert search.cpu_s() == used
