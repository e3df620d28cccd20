import json
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from benchmarks.ceilings import copy_bandwidth, load_rate
from benchmarks.kernel_cases import CASES
from benchmarks.kernels import LEAST_CALLS, Name, interleaved, kernels


def result_of(run, arguments):
    """What a kernel returns, or what it writes into its last argument."""
    returned = run(*arguments)
    return arguments[-1].copy() if returned is None else returned


@pytest.mark.parametrize("name", CASES)
def test_what_is_timed_is_equal_to_its_twin_and_its_references(name):
    case = CASES[name](np.random.default_rng(1))
    for arguments in case.arguments[:3]:
        ours = result_of(case.kernel, arguments)
        np.testing.assert_equal(ours, result_of(case.twin, arguments))
        for reference in case.references.values():
            np.testing.assert_allclose(reference(*arguments), ours, atol=1e-6)


def test_every_case_can_be_asked_for():
    assert get_args(Name) == tuple(CASES)


def test_contenders_take_turns_and_so_do_their_inputs():
    calls = []

    def thunk(who, i):
        return lambda: calls.append((who, i))

    contenders = {who: [thunk(who, i) for i in range(3)] for who in "ab"}
    times = interleaved(contenders, seconds=0)
    assert [len(us) for us in times.values()] == [LEAST_CALLS, LEAST_CALLS]
    warmed_up = calls[2:]
    assert warmed_up[:8] == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 0), ("b", 0)]


def test_the_last_line_is_one_json_document(capsys):
    kernels(names=["top_k", "utility"], seconds=0)
    *table, document = capsys.readouterr().out.splitlines()
    assert any("NumPy" in line for line in table)
    results = json.loads(document)["kernels"]
    assert [result["name"] for result in results] == ["top_k", "utility"]
    for result in results:
        bound = max(result["memory_us"], result["loads_us"])
        assert 0 < bound < result["least_us"] == result["call_us"] + bound
        assert 0 < result["kernel"]["p50_us"] <= result["kernel"]["p99_us"]
        assert result["share_of_least"] == pytest.approx(result["least_us"] / result["kernel"]["p50_us"])


def test_json_alone_on_request(capsys):
    kernels(names=["utility"], seconds=0, json=True)
    assert json.loads(capsys.readouterr().out)["kernels"][0]["calls"] == LEAST_CALLS


def test_ceilings_are_those_of_a_computer():
    assert 1e8 < copy_bandwidth(1 << 16) < 1e13
    assert 1e7 < load_rate() < 1e12


def test_help_loads_no_benchmark():
    code = (
        "import sys; from benchmarks.cli import app; app.help_print();"
        "sys.exit(any(name in sys.modules for name in ('numba', 'xgboost', 'ray', 'benchmarks.kernels')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "kernels" in done.stdout
