"""CUDA kernels beside the twins of those for the CPU: by Numba's simulator, and on a GPU where there is one."""

import os
import subprocess
import sys

import pytest
from numba import cuda

from tests.kernels.cuda.checks import CHECKS

#: Numbers are rounded elsewhere: without compiled code in NumPy's scalars, on a GPU by its own exponentials.
SIMULATED, ON_DEVICE = 1e-5, 1e-5
SEEDS = 6


@pytest.mark.parametrize("name", CHECKS)
def test_by_the_simulator(name):
    simulator = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    program = [sys.executable, "-W", "error", "-m", "tests.kernels.cuda.checks", name, str(SEEDS), str(SIMULATED)]
    done = subprocess.run(program, env=simulator, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", CHECKS)
def test_on_the_gpu(name):
    for seed in range(10 * SEEDS):
        CHECKS[name](seed, ON_DEVICE)
