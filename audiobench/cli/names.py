"""Names separated by commas, as `--tasks A,B` has them."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """The names in a text, without blanks around them; empty ones are left out."""
    return [name for part in text.split(",") if (name := part.strip())]


def named(text: str | None) -> list[str] | None:
    """The names of an option; None where it was not given."""
    return None if text is None else listed(text)
