"""What the replicas of a cluster cost the driver, and where one driver's limit lies.

    python benchmarks/ray/run.py [--n 1000] [--reps 3] [--parts overhead,limit]

`overhead`: the same clips, once to two mock servers by --base-url and once to two replicas that ask these servers, 64 at
once. `limit`: replicas that answer after a fixed time and compute nothing; the driver's CPU for each clip says how many clips a
second one driver can hand out. The cluster is one of several nodes on this machine, so that its processes are not the driver's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "throughput"))

from run import MODEL, TASK, Mock, clips  # noqa: E402  (the throughput benchmark's server and clips)

NODES = 2
STORE = 512 * 2**20
"""Bytes of each node's object store."""
AT_ONCE = 64
HOSTED = """\
name: answering
adapter: {folder}/answering.py:Answering
served_model: answering
options: {{seconds: {seconds}}}
audio: {{formats: [wav]}}
"""
HEAD = "| scenario | clips | client | asking s | driver CPU s | peak RSS MB | most in flight |"


def started() -> Any:
    """A cluster whose head has no CPU and whose nodes each hold replicas."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(NODES):
        cluster.add_node(num_cpus=16, include_dashboard=False, object_store_memory=STORE)
    return cluster


def timed(words: Sequence[str], out: Path) -> dict[str, float]:
    """A whole process; how long it asked (as its journal says), its CPU and peak memory, without those of the cluster."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "audiobench", "run", *words, "--out", str(out), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{command[3:6]}: {errors.decode()[-800:]}")
    report = [sys.executable, "-m", "audiobench", "report", str(out), "--serving", "--json"]
    (told,) = json.loads(subprocess.run(report, capture_output=True, check=True).stdout)
    return {
        "asking": told["serving"]["seconds"],
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss / 1024,
        "flying": told["serving"]["most_in_flight"],
    }


def repeated(reps: int, words: Sequence[str], out: Path) -> dict[str, float]:
    """The medians."""
    rows = [timed(words, out) for _ in range(reps)]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def row(scenario: str, n: int, client: str, found: dict[str, float]) -> None:
    print(
        f"| {scenario} | {n:,} | {client} | {found['asking']:.2f} | {found['cpu']:.2f} | {found['rss']:.0f} | "
        f"{found['flying']:.0f} |",
        flush=True,
    )


def task_of(options: argparse.Namespace, n: int) -> tuple[Path, Path]:
    """A task of `n` clips of 10 s, and the folder of the clips."""
    data = clips(HERE.parent / "throughput", argparse.Namespace(**{**vars(options), "n": n}), "--dur", "10")
    task = options.work / f"mcq10s-{n}.yaml"
    task.write_text(TASK.format(data=data))
    return task, data


def overhead(options: argparse.Namespace, cluster: Any) -> None:
    """Plain endpoints beside replicas that ask the same endpoints."""
    model = options.work / "mock.yaml"
    model.write_text(MODEL)
    found: dict[tuple[str, int], dict[str, float]] = {}
    sizes = (options.n // 5, options.n)
    for n in sizes:
        task, data = task_of(options, n)
        flags = ["--latency", "fixed:0.2", "--slots", str(AT_ONCE // 2)]
        mocks = [Mock(HERE.parent / "throughput", data, *flags, port=port) for port in (8931, 8932)]
        words = ["--model", str(model), "--tasks", str(task), "--max-concurrency", str(AT_ONCE)]
        for mock in mocks:
            words += ["--base-url", mock.root + "/v1"]
        on_ray = ["--engine", "ray", "--ray-address", cluster.address, "--replicas", "2:2"]
        try:
            for client, more in (("plain endpoints", []), ("replicas", on_ray)):
                found[client, n] = repeated(options.reps, [*words, *more], options.work / "run")
                row("two servers, 32 slots x 200 ms each", n, client, found[client, n])
        finally:
            for mock in mocks:
                mock.stop()
    # between the two sizes nothing but clips is added: what starting a driver costs is in both
    each = {c: 1000 * (found[c, sizes[1]]["cpu"] - found[c, sizes[0]]["cpu"]) / (sizes[1] - sizes[0]) for c, _ in found}
    wall = found["replicas", options.n]["asking"] / found["plain endpoints", options.n]["asking"]
    print(f"\ndriver CPU for each further clip: {', '.join(f'{c} {ms:.2f} ms' for c, ms in each.items())}; "
          f"asking took {wall:.3f} times as long with replicas\n")  # fmt: skip


def limit(options: argparse.Namespace, cluster: Any) -> None:
    """More and more replicas that compute nothing."""
    model = options.work / "answering.yaml"
    model.write_text(HOSTED.format(folder=HERE, seconds=0.05))
    sizes = (options.n // 5, options.n)
    for replicas in (2, 8, 16):
        found: dict[int, dict[str, float]] = {}
        for n in sizes:
            task, _ = task_of(options, n)
            words = ["--model", str(model), "--tasks", str(task), "--max-concurrency", "256", "--engine", "ray",
                     "--ray-address", cluster.address, "--replicas", f"{replicas}:{replicas}"]  # fmt: skip
            found[n] = repeated(1, words, options.work / "run")
            row(f"{replicas} replicas x 50 ms, 256 at once", n, "replicas", found[n])
        each = (found[sizes[1]]["cpu"] - found[sizes[0]]["cpu"]) / (sizes[1] - sizes[0])
        print(f"\n{replicas} replicas: {1000 * each:.2f} ms of driver CPU a clip: one core hands out {1 / each:,.0f} clips a "
              f"second; here, with all replicas on the same cores, {options.n / found[options.n]['asking']:,.0f}\n")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "audiobench-ray")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--parts", default="overhead,limit")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    cluster = started()
    try:
        print(HEAD + "\n|---|---|---|---|---|---|---|")
        for part in options.parts.split(","):
            {"overhead": overhead, "limit": limit}[part](options, cluster)
    finally:
        cluster.shutdown()
    print(f"{os.cpu_count()} cores; {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main()
