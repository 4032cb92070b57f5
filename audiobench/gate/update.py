"""What `--update-baseline` came to: the bar before and after, in every form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiobench.core.errors import ExitCode
from audiobench.core.plain_text import plural
from audiobench.core.sheet import Column, Sheet
from audiobench.gate.arms import Arm
from audiobench.gate.baseline import Baseline
from audiobench.gate.verdict import Verdict, placed


@dataclass(frozen=True, slots=True)
class Update:
    """A baseline that was replaced, or was not because the run is worse."""

    file: Path
    before: Baseline | None
    """None where there was none, or none that could be read."""
    arms: Sequence[Arm]
    """Of the run."""
    verdict: Verdict | None
    """Of the run against `before`."""
    written: bool

    def scores(self) -> list[tuple[Arm, Arm | None]]:
        """Each arm of the run with what the baseline had in its place."""
        old = {arm.key: arm for arm in self.before.arms} if self.before else {}
        return [(arm, old.get(arm.key)) for arm in self.arms]

    def lines(self) -> list[str]:
        """The scores before and after; nothing where there was no baseline."""
        if self.before is None:
            return []
        told = [f"{self.file}: before ({self.before.created}) and after:"]
        return told + [
            f"  {placed(f'{arm.task}, {arm.condition.label}', arm.size)}: {_score(old)} -> {_score(arm)}"
            for arm, old in self.scores()
        ]

    def end(self) -> str:
        """What became of the file."""
        if not self.written:
            return f"{self.file}: not written: the run is worse; --accept-regression lowers the bar"
        outcomes = sum(len(arm.rows) for arm in self.arms)
        counts = f"{len(self.arms)} {plural(len(self.arms), 'arm')}, {outcomes} {plural(outcomes, 'outcome')}"
        return f"{self.file}: {counts}, {self.file.stat().st_size} bytes"

    def sheet(self) -> Sheet:
        """The same as a table."""
        header = ("task", "condition", "n", Column("before"), Column("after"))
        sheet = Sheet(f"baseline {self.file}", header, left=2, all_columns=True, notes=[self.end()])
        sheet.rows += [
            (arm.task, arm.condition.label, arm.size, _score(old), _score(arm)) for arm, old in self.scores()
        ]
        return sheet

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON; scores in the metric's own scale."""
        return {
            "baseline": str(self.file),
            "written": self.written,
            "scores": [
                {
                    "task": arm.task, "condition": arm.condition.as_dict(), "metric": arm.metric.name,
                    "n": len(arm.rows), "rows": arm.whole, "before": old.score if old else None, "after": arm.score,
                }
                for arm, old in self.scores()
            ],
            "verdict": self.verdict.as_dict() if self.verdict else None,
            "exit_code": int(ExitCode.OK if self.written else ExitCode.REGRESSION),
        }  # fmt: skip


def _score(arm: Arm | None) -> str:
    return arm.metric.shown.show(arm.score) if arm else "-"
