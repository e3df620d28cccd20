"""A run file's content for tests."""

from cluster.processes.run_state import ProcessId, Run


def run_of(pid: int) -> Run:
    return Run(
        up=ProcessId.of(pid),
        store_url="redis://127.0.0.1:6390/0",
        store=None,
        events_url="redis://127.0.0.1:6391/0",
        events=None,
        clock_offset_ms=-5,
        ray_address="127.0.0.1:1234",
        ray_folder=None,
        http_address="http://127.0.0.1:8000",
        release="r1",
        dataset="data",
        started_at="2026-11-21T22:00:00Z",
    )
