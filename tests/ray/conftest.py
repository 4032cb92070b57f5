"""A Ray cluster of several nodes on this machine, and a model whose replicas run on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from audiobench.cli import main
from tests.run.conftest import make_task

HERE = Path(__file__).parent
STORE = 80 * 2**20
"""Bytes of a node's object store; Ray takes no less."""


class Nodes:
    """The cluster: its head has no CPU and carries the driver alone; each other node has room for one replica."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
        self.cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self.others: list[Any] = []

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self.cluster.address)

    def want(self, count: int) -> None:
        """So many nodes beside the head."""
        while len(self.others) < count:
            self.others.append(self.cluster.add_node(num_cpus=1, object_store_memory=STORE, include_dashboard=False))
        while len(self.others) > count:
            self.lose()

    def lose(self) -> None:
        """A machine is gone."""
        self.cluster.remove_node(self.others.pop(), allow_graceful=False)

    @contextlib.contextmanager
    def one(self, **options: Any) -> Iterator[None]:
        """One more node, of another kind, for as long as the block runs."""
        node = self.cluster.add_node(object_store_memory=STORE, include_dashboard=False, **options)
        try:
            yield
        finally:
            self.cluster.remove_node(node, allow_graceful=False)

    def spilled(self) -> list[Path]:
        """What Ray has moved from its stores to the disk."""
        return list(Path(self.cluster.head_node.get_session_dir_path()).glob("**/ray_spilled_objects*/*"))

    def processes(self) -> list[int]:
        """Process ids of the replicas that are up now."""
        return [pid for pid in _below(os.getpid()) if _title(pid).startswith("ray::Replica")]

    def kill_one(self, number: int = 0) -> bool:
        """Kill a replica's process; False where there is none."""
        found = sorted(self.processes())
        for pid in found[number % len(found) :][:1] if found else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _below(top: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, open_ = set[int](), [top]
    while open_:
        for child in parents.get(open_.pop(), ()):
            found.add(child)
            open_.append(child)
    return found


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One cluster for all tests."""
    pytest.importorskip("ray", reason="Ray is not installed (the extra ray)")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Nodes(tmp_path_factory.mktemp("ray"))
    try:
        yield made
    finally:
        made.cluster.shutdown()


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """`model(**options)`: the file of a model that behaves so; what it was asked is in `tmp_path/done`."""

    def make(**options: Any) -> Path:
        done = tmp_path / "done"
        done.mkdir(exist_ok=True)
        for file in done.iterdir():
            file.unlink()
        declared = {
            "name": "steady",
            "adapter": f"{HERE / 'steady.py'}:Steady",
            "served_model": "steady",
            "options": {"folder": str(done), **options},
            "thinking": {"default": "off", "off": {"how": "exact"}, "source": "none"},
            "audio": {"formats": ["wav"], "source": "none"},
        }
        file = tmp_path / "steady.yaml"
        file.write_text(yaml.safe_dump(declared))
        return file

    return make


@pytest.fixture
def toy(tmp_path: Path) -> Callable[[int], Path]:
    """Make a local benchmark of so many items."""
    return lambda count: make_task(tmp_path / f"toy{count}", count)


@pytest.fixture
def run(nodes: Nodes, tmp_path: Path) -> Callable[..., int]:
    """Run on the cluster, or with `local=True` on this machine; the exit code."""

    def call(model: Path, task: Path, out: str, *more: str, local: bool = False) -> int:
        engine = [] if local else ["--engine", "ray", "--ray-address", nodes.address]
        words = ["run", "--model", str(model), "--tasks", str(task), "--out", str(tmp_path / out), "--format", "json"]
        return main([*words, *engine, *more])

    return call


def lines(file: Path) -> list[dict[str, Any]]:
    """Of a journal."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def wait_for(happened: Callable[[], object], seconds: float = 30.0) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextlib.contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do `work` in a thread meanwhile; what it raises is raised at the end."""
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(work)
        yield
        doing.result()
