"""Whole-process throughput of `audiobench run` beside a bare client loop, on the same clips and server, in one run.

    python benchmarks/throughput/run.py [--bench DIR] [--n 1000] [--scenarios wall,zero,tail,errors,again,long]

A mock server with 64 slots of 200 ms answers 1,000 clips of 10 s (320 kB of wav each): the physical ideal is 3.12 s.
The bare loop (`bare_loop.py`: aiohttp, read, base64, POST, parse, append) is the floor that a careful client reaches;
audiobench does the same with its journal, checks, extraction and scoring on. The mock server and the clip generator lie
beside this file; `--bench` names a folder with others of the same options (a faster server, say).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TASK = """\
task: mcq10s
dataset_path: {data}/items.jsonl
doc_to_id: "{{{{id}}}}"
doc_to_audio: "{{{{audio}}}}"
doc_to_question: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
chance: per_sample
generation_kwargs: {{max_gen_toks: 64, temperature: 0}}
prompt:
  - name: plain
    order: [text, audio]
    text: "{{{{question}}}}{{% for o in options %}}\\n({{{{o.letter}}}}) {{{{o.text}}}}{{% endfor %}}\\nAnswer with the letter."
"""
MODEL = """\
name: mock
adapter: openai_chat
served_model: mock-audio
dialect: vllm
audio: {formats: [wav, mp3, flac]}
"""


class Mock:
    """The mock server process."""

    def __init__(self, bench: Path, data: Path, *options: str, port: int = 8913) -> None:
        self.root = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            str(bench / "mockserver.py"),
            "--port",
            str(port),
            "--index",
            str(data / "index.json"),
        ]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.get("/health")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the mock server did not start")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.root + path, timeout=10) as reply:
            return json.loads(reply.read() or b"null")

    def post(self, path: str, body: dict[str, Any] | None = None) -> None:
        request = urllib.request.Request(self.root + path, json.dumps(body or {}).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def timed(command: list[str], mock: Mock, environment: dict[str, str]) -> dict[str, float]:
    """Run a whole process; wall seconds, CPU seconds, peak RSS (MB), seconds to the first request."""
    mock.post("/_reset")
    began, began_clock = time.perf_counter(), time.time()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    stats = mock.get("/_stats")
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 4):
        raise SystemExit(f"{command[:4]}: exit code {code}: {errors.decode()[-600:]}")
    first = stats.get("t_first_wall")
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss / 1024,
        "requests": stats["requests"],
        "first": (first - began_clock) if first else float("nan"),
        "code": code,
    }


def median(rows: list[dict[str, float]], key: str) -> float:
    return statistics.median(row[key] for row in rows)


def clips(bench: Path, options: argparse.Namespace, *lengths: str) -> Path:
    """The folder of clips and questions, made where it is not there yet."""
    data = options.work / f"{bench.resolve().name}-clips{options.n}{'-'.join(lengths)}"
    if not (data / "items.jsonl").is_file():
        command = [sys.executable, str(bench / "gen.py"), str(data), "--n", str(options.n), "--sr", "16000", *lengths]
        subprocess.run(command, check=True)
    return data


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", type=Path, default=HERE, help="folder with mockserver.py and gen.py")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "audiobench-throughput")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--scenarios", default="wall,zero,tail,errors,again,long")
    options = parser.parse_args()
    if not (options.bench / "mockserver.py").is_file():
        raise SystemExit(f"--bench {options.bench}: no mockserver.py there")
    task, model = options.work / "mcq10s.yaml", options.work / "mock.yaml"
    options.work.mkdir(parents=True, exist_ok=True)
    model.write_text(MODEL)
    out = options.work / "run"
    environment = {**os.environ}
    settings = {
        "wall": ("64 slots x 200 ms", ["--latency", "fixed:0.2", "--slots", "64"]),
        "zero": ("no latency", ["--latency", "fixed:0", "--slots", "100000"]),
        "tail": ("lognormal latency, median 150 ms, 64 slots", ["--latency", "lognormal:0.15,1,8", "--slots", "64"]),
        "errors": (
            "21 % injected errors, 64 slots x 200 ms",
            ["--latency", "fixed:0.2", "--slots", "64", "--err-max-per-key", "2", "--errors", "429:0.10,500:0.05,reset:0.02,truncate:0.02,badjson:0.02"],
        ),
        "long": ("0.1 s a second of audio, lengths lognormal (median 1.5 s), 64 slots", ["--latency", "audio:0.1", "--slots", "64"]),
    }  # fmt: skip
    print("| scenario | client | wall s | CPU ms/sample | requests | first request s | peak RSS MB | exit |")
    print("|---|---|---|---|---|---|---|---|")
    for scenario in options.scenarios.split(","):
        label, flags = settings.get(scenario, ("finished run repeated", settings["wall"][1]))
        if scenario == "long":  # the longest first, against the order of the file
            bench, data = HERE, clips(HERE, options, "--dur", "1.5", "--sigma", "1")
        else:
            bench, data = options.bench, clips(options.bench, options, "--dur", "10")
        task.write_text(TASK.format(data=data))
        mock = Mock(bench, data, *flags)
        ours = [
            sys.executable, "-m", "audiobench", "run", "--model", str(model), "--tasks", str(task), "--base-url",
            mock.root + "/v1", "--max-concurrency", "128", "--out", str(out), "--json",
        ]  # fmt: skip
        bare = [
            sys.executable,
            str(HERE / "bare_loop.py"),
            str(data),
            mock.root + "/v1",
            str(options.work / "bare.jsonl"),
        ]
        clients = {"audiobench": ours} if scenario == "again" else {"bare loop": bare, "audiobench": ours}
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in clients}
        try:
            for _ in range(options.reps):
                for name, command in clients.items():
                    if scenario != "again":
                        shutil.rmtree(out, ignore_errors=True)
                    rows[name].append(timed(command, mock, environment))
        finally:
            mock.stop()
        for name, found in rows.items():
            print(
                f"| {label} | {name} | {median(found, 'wall'):.2f} | {1000 * median(found, 'cpu') / options.n:.2f} | "
                f"{median(found, 'requests'):.0f} | {median(found, 'first'):.2f} | {median(found, 'rss'):.0f} | "
                f"{median(found, 'code'):.0f} |"
            )
        if len(rows) == 2:
            print(
                f"| | ratio | {median(rows['audiobench'], 'wall') / median(rows['bare loop'], 'wall'):.3f} | | | | | |"
            )
        summary = out / "mcq10s" / "summary.json"
        if scenario != "again" and summary.is_file():
            entry = json.loads(summary.read_text())[0]
            print(f"| | score | {entry['metrics']['acc']['value']} n={entry['n']} {entry['counts']} | | | | | |")
    print(f"\nself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main()
