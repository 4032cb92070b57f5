"""What a chat model is told in order to write down what it hears: as recogniser of answers (`--asr`), or before another."""

from __future__ import annotations

from typing import Any

PROMPT = "Transcribe the speech in this audio word for word. Write the transcript only."
"""For a chat model; a recogniser behind /v1/audio/transcriptions is sent no words."""
GENERATION: dict[str, Any] = {"temperature": 0.0, "max_gen_toks": 4096}
