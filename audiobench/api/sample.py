"""One item with its responses, shown in a notebook with its sound."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from audiobench.core.sheet import Column, Sheet, as_html, text
from audiobench.results.runs import Scored
from audiobench.view.clips import FoundClip, clip_of

LONGEST_CLIP = 20 * 2**20
"""Bytes of a clip that a notebook is handed; a longer one is named instead."""


class SampleView:
    """A sample and every response to it."""

    def __init__(self, found: Sequence[Scored], run: Path) -> None:
        self.responses = list(found)
        """The journal's records with their outcomes, in order."""
        self._run = run

    @property
    def id(self) -> str:
        """Of the sample."""
        return self.responses[0].id

    @property
    def question(self) -> str:
        """As it was asked."""
        return self.responses[0].shown.question

    @property
    def target(self) -> str | tuple[str, ...] | None:
        """The right answer; None where it is withheld."""
        return self.responses[0].shown.target

    def audio(self) -> list[Path]:
        """The clips that are still where they were, with the bytes that were sent, each once."""
        return [clip.path for clip in self._media() if clip.kind == "audio"]

    def _media(self) -> list[FoundClip]:
        facts = {clip.sha256: clip for one in self.responses for clip in one.record.audio}
        found = (clip_of(fact, self._run, hashed=True) for fact in facts.values())
        return [clip for clip in found if clip is not None and clip.state == "ok"]

    def _sheet(self) -> Sheet:
        target = self.target if isinstance(self.target, str) else " | ".join(self.target or ())
        sheet = Sheet(
            f"{self.id}: {self.question}",
            (Column("condition", text=True), "epoch", Column("reasoning", text=True), Column("response", text=True),
             Column("answer", text=True), Column("outcome", text=True), "value"),
        )  # fmt: skip
        choices = [choice for choice in self.responses[0].shown.choices if choice is not None]
        sheet.notes += [f"options: {' | '.join(choices)}"] if choices else []
        sheet.notes += [f"target: {target}"] if target else []
        for one in self.responses:
            response, result = one.record.response, one.outcome
            said = response.text if response else (one.record.error.message if one.record.error else "-")
            value = "-" if result.value is None else f"{result.value:g}"
            sheet.rows.append(
                (one.condition.label, str(one.epoch), (response and response.reasoning) or "-", said, result.answer or "-",
                 result.status, value)
            )  # fmt: skip
        return sheet

    def __repr__(self) -> str:
        return text([self._sheet()]).strip("\n")

    def _repr_html_(self) -> str:
        return as_html([self._sheet()]) + "".join(map(_shown, self._media()))


def _shown(clip: FoundClip) -> str:
    """The clip's own bytes, in a player."""
    if clip.path.stat().st_size > LONGEST_CLIP:
        return f"<p>{html.escape(str(clip.path))}</p>"
    source = f'src="data:{clip.type};base64,{base64.b64encode(clip.path.read_bytes()).decode()}"'
    if clip.kind == "image":
        return f"<p><img {source}></p>"
    return f'<p><{clip.kind} controls preload="none" {source}></{clip.kind}></p>'
