"""The parts of a run as jobs of submitit: on Slurm, or as processes of this machine.

    python with_submitit.py --cluster local --parts 2 --out results/parts -- --model tiny-audio-r1 --tasks listening

A part that meets its time limit is submitted again (at most `--again` times) and goes on where its journal ends.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import submitit
from submitit.helpers import DelayedSubmission


class Part:
    """Runs one part; called again, it continues."""

    def __init__(self, index: int, parts: int, out: Path, words: list[str]) -> None:
        self.index, self.parts, self.out, self.words = index, parts, out, words
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The part's run directory."""
        return self.out / f"shard-{self.index}"

    def __call__(self) -> int:
        shard = ["--shard", f"{self.index}/{self.parts}", "--out", str(self.folder)]
        self.process = subprocess.Popen([sys.executable, "-m", "audiobench", "run", *self.words, *shard])
        code = _ended(self.process)
        if code not in (0, 4):  # 4: some requests failed for good; the journal says which
            raise SystemExit(code)
        return code

    def checkpoint(self) -> DelayedSubmission:
        """Asked for by submitit when time is up: end cleanly, and the same part once more."""
        if self.process is not None:
            self.process.terminate()
            _ended(self.process)
        return DelayedSubmission(Part(self.index, self.parts, self.out, self.words))


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code; not by `wait`, which would wait for itself where `checkpoint` interrupts it."""
    while (code := process.poll()) is None:
        time.sleep(0.2)
    return code


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cluster", default="slurm", help="slurm, local (processes) or debug (this process)")
    parser.add_argument("--parts", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=240)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--again", type=int, default=3, help="times that a part may be submitted again")
    parser.add_argument("words", nargs="+", metavar="-- OPTIONS", help="of audiobench run")
    options = parser.parse_args()
    out = options.out.resolve()
    executor = submitit.AutoExecutor(out / "jobs", cluster=options.cluster, slurm_max_num_timeout=options.again)
    executor.update_parameters(timeout_min=options.minutes, gpus_per_node=options.gpus)
    parts = [Part(index, options.parts, out, options.words) for index in range(1, options.parts + 1)]
    codes = [job.result() for job in executor.submit_array(parts)]
    shards = [str(part.folder) for part in parts]
    merged = subprocess.run(
        [sys.executable, "-m", "audiobench", "merge", *shards, "--out", str(out / "whole")], check=False
    )
    sys.exit(max(*codes, merged.returncode))


if __name__ == "__main__":
    main()
