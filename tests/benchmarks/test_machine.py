import subprocess

from benchmarks import machine


def test_it_says_where_it_ran(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/some/where/cascade", "bench", "serve", "--seed", "3"])
    found = machine.describe()
    assert found.command == "cascade bench serve --seed 3"
    assert found.cores >= 1
    assert found.memory_gb > 0.1
    assert found.versions["python"].startswith("3.11.")
    assert found.versions.keys() >= {"ray", "numpy", "cascade-feed"}
    assert found.date.endswith("+00:00")
    assert found.cpu.startswith(f"{machine.cpu_model()} (")


def test_a_system_that_does_not_tell_is_described_all_the_same(monkeypatch):
    def no_file(*_args, **_kwargs):
        raise FileNotFoundError("/proc/cpuinfo")

    monkeypatch.setattr(machine.Path, "read_text", no_file)
    assert machine.describe().cpu.endswith("(instructions unknown)")


def test_a_folder_without_a_repository_has_no_commit(monkeypatch):
    def no_git(*_args, **_kwargs):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    assert machine.describe().commit == "unknown"
