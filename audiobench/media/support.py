"""Which files a model takes, by kind of medium: what a model file says under `audio:`, `image:` and `video:`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class MediaSupport(BaseModel):
    """Which files of one kind of medium a model (or its server) takes. Bytes pass through untouched when they fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: int | None = None
    max_clips: int | None = None
    source: str | None = None


class AudioSupport(MediaSupport):
    """Sound."""

    formats: list[Literal["wav", "mp3", "flac", "ogg", "m4a", "aiff", "aac", "webm"]] = ["wav"]
    sample_rate: int | None = None
    """Hz to resample to; none = any rate passes."""
    channels: int | None = None
    chunk_seconds: float | None = None
    """Longer clips are cut into consecutive pieces of this length, each an audio part of its own."""
    max_seconds: float | None = None
    """Longer clips are refused (`invalid_audio`), never cut."""
    tokens_per_second: float | None = None
    """Prompt tokens that a second of audio costs, for estimates before a run; a bill rests on stored usage."""


class ImageSupport(MediaSupport):
    """Pictures; they are never converted."""

    formats: list[Literal["png", "jpeg", "webp", "gif"]] = ["png", "jpeg"]


class VideoSupport(MediaSupport):
    """Moving pictures; they are never converted, at most their sound is taken out or swapped."""

    formats: list[Literal["mp4", "mov", "webm", "mkv"]] = ["mp4"]
    sound: dict[str, Any] = {}
    """Fields of the request body without which the server looks at the frames and leaves the sound of the file out; sent
    where a video is shown with its sound (vLLM: `mm_processor_kwargs: {use_audio_in_video: true}`)."""
