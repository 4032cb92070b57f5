"""Wall time, CPU time and peak memory of the commands that work offline, on finished runs of invented text.

    python benchmarks/offline/run.py [--scale 1.0] [--reps 1] [--commands report,compare,...] [--work DIR]

At scale 1 there are three runs: 100,000 answers (50,000 questions, think=off and on) for `compare`, `ablate`, `gate` and
`view`; 1,000,000 journal lines (100,000 questions, both modes, 4 epochs, and what later lines replace or retract) for
`report`; and 100,000 questions asked once, for the repeat of a finished run. Each command is a whole process, measured
once as the first to read the answers (`first`: the answers cache is emptied before) and then `--reps` times as every
command after it, of which the least is shown (`again`). Beside each stands a bare loop over the same journal that decodes
every line and keeps nothing: its ratio is what travels between machines.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import make

HERE = Path(__file__).resolve().parent
COMMANDS = ("report", "million", "compare", "ablate", "gate", "view", "repeat")


def timed(command: list[str]) -> tuple[float, float, float]:
    """A command: wall seconds, CPU seconds and peak memory in MB, of its processes together."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        peak = 0.0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak = max(peak, sum(map(memory, family(process.pid))))
            time.sleep(0.3)
        wall = time.perf_counter() - began
        _, status, usage = ended
        if os.waitstatus_to_exitcode(status):
            errors.seek(0)
            said = errors.read().decode()[-800:]
            raise SystemExit(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}: {said}")
    return wall, usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss / 1024)


def family(pid: int) -> list[int]:
    """A process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [pid, *map(int, children)]


def memory(pid: int) -> float:
    """MB of a process, what it shares with others shared out among them (Linux); 0 where that cannot be read."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def least(command: list[str], reps: int) -> tuple[float, float, float]:
    """The least of some repetitions: on a machine that others use too, it says most."""
    wall, cpu, peak = zip(*(timed(command) for _ in range(reps)), strict=True)
    return min(wall), min(cpu), min(peak)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of everything")
    parser.add_argument("--reps", type=int, default=1)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--work", type=Path, help="keep the runs in this folder, and take what is there")
    options = parser.parse_args()
    folder = options.work or Path(tempfile.mkdtemp(prefix="audiobench-offline-"))
    try:
        measure(folder, options.scale, options.reps, options.commands.split(","))
    finally:
        if options.work is None:
            shutil.rmtree(folder)


def measure(folder: Path, scale: float, reps: int, wanted: list[str]) -> None:
    """Make what is needed, and print a table."""
    size = round(100_000 * scale)
    answers, million, once = folder / "answers", folder / "million", folder / "once"
    needs = {"million": million, "repeat": once}
    shapes = {answers: (size // 2, 1, ["off", "on"]), million: (size, 4, ["off", "on"]), once: (size, 1, ["off"])}
    if not (folder / "items.jsonl").is_file():
        make.data(folder, size)
    for out in dict.fromkeys(needs.get(name, answers) for name in wanted):
        if not (out / "run.json").is_file():
            make.run(folder, out, *shapes[out])
    ours = [sys.executable, "-m", "audiobench"]
    baseline, cache = folder / "baseline.json", folder / "cache"
    os.environ["AUDIOBENCH_CACHE"] = str(cache)
    commands = {
        "report": [*ours, "report", str(answers)],
        "million": [*ours, "report", str(million)],
        "compare": [*ours, "compare", f"{answers}:off", f"{answers}:on"],
        "ablate": [*ours, "ablate", str(answers)],
        "gate": [*ours, "gate", "--baseline", str(baseline), "--run", str(answers)],
        "view": [*ours, "view", str(answers), "--out", str(folder / "page"), "--pictures", "0"],
        "repeat": [*ours, "run", "--from", str(once / "run.json"), "--out", str(once), "--quiet"],
    }
    if "gate" in wanted:
        timed([*ours, "gate", "--update-baseline", "--baseline", str(baseline), "--run", str(answers)])
    print(
        "| command | journal lines | first: wall s | CPU s | peak MB | again: wall s | CPU s | peak MB | bare loop CPU s | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in wanted:
        journal = needs.get(name, answers) / "invented" / "samples.jsonl"
        with journal.open("rb") as file:
            lines = sum(1 for _ in file)
        shutil.rmtree(cache, ignore_errors=True)
        first = timed(commands[name])
        bare = least([sys.executable, str(HERE / "bare_loop.py"), str(journal)], reps)[1]
        again = least(commands[name], reps)
        title = {"million": "report", "repeat": "run, finished"}.get(name, name)
        figures = " | ".join(f"{wall:.1f} | {cpu:.1f} | {peak:.0f}" for wall, cpu, peak in (first, again))
        print(f"| {title} | {lines:,} | {figures} | {bare:.1f} | {again[1] / bare:.1f} |", flush=True)
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
