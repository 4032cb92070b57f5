"""Names separated by commas, as `--tasks A,B` has them."""

from __future__ import annotations

from audiobench.core.errors import UsageError
from audiobench.results.runs import Run


def listed(text: str) -> list[str]:
    """The names in a text, without blanks around them; empty ones are left out."""
    return [name for part in text.split(",") if (name := part.strip())]


def tasks_of(run: Run, wanted: str | None) -> list[str]:
    """The tasks of a run that `--tasks` names; all of them for None.

    Raises:
        UsageError: the run does not have one of them.
    """
    if wanted is None:
        return list(run.tasks)
    names = listed(wanted)
    if missing := [name for name in names if name not in run.tasks]:
        raise UsageError(f"--tasks {','.join(missing)}: not in this run; it has: {', '.join(run.tasks)}")
    return names
