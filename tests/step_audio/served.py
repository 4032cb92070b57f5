"""Shapes of turns, and the prompt that StepFun's own server makes of them.

On 2026-11-30 each string of `SHAPES` was compared with what StepFun's code gives, executed: the functions of its vLLM build
(github.com/stepfun-ai/vllm @9ecabf22f, vllm/entrypoints/chat_utils.py) that detect the content format ("string") and join
the parts of a turn, then the chat template of the README of github.com/stepfun-ai/Step-Audio-R1 @43e2a215 rendered by
transformers, with `continue_final_message` where the last turn is continued. All were equal. `<audio_patch>` stands as it
does there, before it is expanded. `OWN_SHAPES` are not StepFun's: they follow from its strings by what a switch says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CLIP = object()
"""Stands for audio of up to 25 s."""

THINK_ON = "<think>\n"
THINK_OFF = "<think>\n\n</think>\n"
QUESTION = "Which?\nA. x\nB. y\n"


@dataclass(frozen=True)
class Shape:
    """A conversation: (role, parts), how the answer begins, and what is served."""

    turns: tuple[tuple[str, tuple[Any, ...]], ...]
    served: str
    prefill: str | None = None
    """The last turn, continued: the official client's `"eot": False`. None: the template opens the answer."""
    settings: dict[str, Any] = field(default_factory=dict)
    """`chat_template_kwargs`."""

    @property
    def opening(self) -> str:
        """How the answer begins."""
        if self.prefill is not None:
            return self.prefill
        return THINK_ON if self.settings.get("enable_thinking", True) else THINK_OFF


def asked(*parts: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """One turn of the user."""
    return (("user", parts),)


ANSWER = "<|EOT|><|BOT|>assistant\n"
TALK = (("user", ("a",)), ("assistant", ("b",)), ("user", ("c", CLIP)))

SHAPES = {
    "text then audio": Shape(
        asked(QUESTION, CLIP), "<|BOT|>human\nWhich?\nA. x\nB. y\n\n<audio_patch>" + ANSWER + THINK_ON
    ),
    "text then audio, eot: False": Shape(
        asked(QUESTION, CLIP), "<|BOT|>human\nWhich?\nA. x\nB. y\n\n<audio_patch>" + ANSWER + THINK_ON, THINK_ON
    ),
    "text then audio, think off, eot: False": Shape(
        asked("Solve it.", CLIP), "<|BOT|>human\nSolve it.\n<audio_patch>" + ANSWER + THINK_OFF, THINK_OFF
    ),
    "text then two chunks": Shape(
        asked("Q?", CLIP, CLIP), "<|BOT|>human\nQ?\n<audio_patch><audio_patch>" + ANSWER + THINK_ON
    ),
    "text, audio, text": Shape(asked("a", CLIP, "b"), "<|BOT|>human\na\n<audio_patch>b" + ANSWER + THINK_ON),
    "text, audio, text, audio": Shape(
        asked("a", CLIP, "b", CLIP), "<|BOT|>human\na\n<audio_patch>b\n<audio_patch>" + ANSWER + THINK_ON
    ),
    "text then text": Shape(asked("a", "b"), "<|BOT|>human\na\nb" + ANSWER + THINK_ON),
    "audio then text": Shape(asked(CLIP, "Yes or no?"), "<|BOT|>human\n<audio_patch>Yes or no?" + ANSWER + THINK_ON),
    "audio then text that begins with a newline": Shape(
        asked(CLIP, "\nYes?"), "<|BOT|>human\n<audio_patch>\nYes?" + ANSWER + THINK_ON
    ),
    "audio only": Shape(asked(CLIP), "<|BOT|>human\n<audio_patch>" + ANSWER + THINK_ON),
    "empty text then audio": Shape(asked("", CLIP), "<|BOT|>human\n<audio_patch>" + ANSWER + THINK_ON),
    "three chunks then text": Shape(
        asked(CLIP, CLIP, CLIP, "Sum up."),
        "<|BOT|>human\n<audio_patch><audio_patch><audio_patch>Sum up." + ANSWER + THINK_ON,
    ),
    "system and text": Shape(
        (("system", ("Be brief.",)), ("user", ("Hello",))),
        "<|BOT|>system\nBe brief.<|EOT|><|BOT|>human\nHello" + ANSWER + THINK_ON,
    ),
    "system, text then audio, eot: False": Shape(
        (("system", ("Be brief.",)), ("user", ("Q?", CLIP))),
        "<|BOT|>system\nBe brief.<|EOT|><|BOT|>human\nQ?\n<audio_patch>" + ANSWER + THINK_ON,
        THINK_ON,
    ),
    "several turns, StepFun's template to the letter": Shape(
        TALK,
        "<|BOT|>human\na<|EOT|><|BOT|>assistant\nb<|BOT|>human\nc\n<audio_patch>" + ANSWER + THINK_ON,
        settings={"close_assistant_turns": False},
    ),
    "several turns to the letter, eot: False": Shape(
        TALK,
        "<|BOT|>human\na<|EOT|><|BOT|>assistant\nb<|BOT|>human\nc\n<audio_patch>" + ANSWER + THINK_OFF,
        THINK_OFF,
        {"close_assistant_turns": False},
    ),
}
"""What StepFun serves, as its code renders it."""

OWN_SHAPES = {
    "text then audio, think off by the switch": Shape(
        asked(QUESTION, CLIP),
        "<|BOT|>human\nWhich?\nA. x\nB. y\n\n<audio_patch>" + ANSWER + THINK_OFF,
        settings={"enable_thinking": False},
    ),
    "several turns": Shape(
        TALK, "<|BOT|>human\na<|EOT|><|BOT|>assistant\nb<|EOT|><|BOT|>human\nc\n<audio_patch>" + ANSWER + THINK_ON
    ),
    "an answer that is not continued": Shape(
        (("user", ("a",)), ("assistant", ("b",))),
        "<|BOT|>human\na<|EOT|><|BOT|>assistant\nb<|EOT|><|BOT|>assistant\n" + THINK_ON,
    ),
    "parts joined without a newline": Shape(
        asked("a", "b", CLIP, "c", CLIP),
        "<|BOT|>human\nab<audio_patch>c<audio_patch>" + ANSWER + THINK_ON,
        settings={"part_separator": ""},
    ),
}
"""What differs from StepFun's server on purpose or by a switch: its template has no way to open an answer without thinking,
and loses `<|EOT|>` after an assistant turn."""
