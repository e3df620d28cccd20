"""`cascade bench kernels`: each kernel against its NumPy twin, a reference library, and what the machine allows."""

import gc
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, perf_counter_ns
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from benchmarks.ceilings import copy_bandwidth, load_rate
from benchmarks.documents.kernels import kernels_document
from benchmarks.kernel_cases import CASES, Case
from benchmarks.kernels_report import Latency, Report, Result, table
from benchmarks.machine import describe
from benchmarks.telling import Dated, tell
from kernels.jit import kernel

Name = Literal["assembly", "trees", "top_k", "merge", "utility", "rerank", "fold"]
Thunk = Callable[[], object]

#: Fewest timed calls of each contender, so that a p99 means something.
LEAST_CALLS = 200


def kernels(
    *,
    names: Annotated[list[Name] | None, Parameter(name="--kernels", consume_multiple=True, negative="")] = None,
    seconds: float = 2.0,
    json: Annotated[bool, Parameter(negative="")] = False,
    dated: Dated = False,
) -> None:
    """Time each kernel at serving size against its NumPy twin and a ceiling; one JSON document is the last line.

    Parameters
    ----------
    names
        Kernels to time; default: all.
    seconds
        Time given to each kernel.
    json
        Print the JSON document only.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    report = measure(names or list(CASES), seconds)
    tell(report, None if json else table(report), dated=kernels_document(report) if dated else None)


def measure(names: Sequence[str], seconds: float) -> Report:
    """Time the named kernels of `CASES`, one after the other, for `seconds` each."""
    loads_per_s = load_rate()
    progress = track(names, description="kernels", console=Console(stderr=True), transient=True)
    return Report(
        machine=describe(),
        loads_per_s=loads_per_s,
        kernels=[_result(name, CASES[name](np.random.default_rng(0)), loads_per_s, seconds) for name in progress],
    )


def _result(name: str, case: Case, loads_per_s: float, seconds: float) -> Result:
    contenders = {"kernel": case.kernel, "numpy": case.twin, **case.references}
    times = interleaved({who: _thunks(run, case.arguments) for who, run in contenders.items()}, seconds)
    latency = {who: _latency(us) for who, us in times.items()}
    # Alone and warm: a ceiling is no place for what the others leave in the caches.
    call_us = _latency(interleaved({"call": _thunks(_nothing, case.arguments)}, seconds / 20)["call"]).p50_us
    memory_us = 1e6 * case.touched / copy_bandwidth(case.within or case.touched)
    loads_us = 1e6 * case.loads / loads_per_s
    least_us = call_us + max(memory_us, loads_us)
    return Result(
        name=name,
        size=case.size,
        kernel=latency["kernel"],
        numpy=latency["numpy"],
        references={who: latency[who] for who in case.references},
        times_faster_than_numpy=latency["numpy"].p50_us / latency["kernel"].p50_us,
        call_us=call_us,
        memory_us=memory_us,
        loads_us=loads_us,
        least_us=least_us,
        share_of_least=least_us / latency["kernel"].p50_us,
        calls=len(times["kernel"]),
    )


def interleaved(contenders: Mapping[str, Sequence[Thunk]], seconds: float) -> dict[str, NDArray[np.float64]]:
    """Microseconds of each call, one array per contender; all take turns, so that a slow moment strikes all alike.

    A contender is one thunk per input; the inputs take turns too.
    """
    for thunks in contenders.values():
        thunks[0]()  # compiles
    times: dict[str, list[int]] = {who: [] for who in contenders}
    end, calls = perf_counter() + seconds, 0
    collecting = gc.isenabled()
    gc.disable()
    try:
        while calls < LEAST_CALLS or perf_counter() < end:
            for who, thunks in contenders.items():
                call = thunks[calls % len(thunks)]
                start = perf_counter_ns()
                call()
                times[who].append(perf_counter_ns() - start)
            calls += 1
    finally:
        if collecting:
            gc.enable()
    return {who: np.array(ns) / 1e3 for who, ns in times.items()}


def _thunks(run: Callable[..., object], arguments: Sequence[tuple[Any, ...]]) -> list[Thunk]:
    return [lambda these=these: run(*these) for these in arguments]  # type: ignore[misc]


def _latency(us: NDArray[np.float64]) -> Latency:
    p50, p99 = np.percentile(us, [50, 99])
    return Latency(float(p50), float(p99))


@kernel
def _nothing(*_arguments: Any) -> None:
    """An empty kernel: what Numba needs to unpack the arguments."""
