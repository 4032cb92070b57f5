"""Where version 0.1 had Request and Response, for adapters of users; new ones import from `audiobench.model`."""

from audiobench.core.types import AudioPart, Message, Request, Response, TextPart

__all__ = ["AudioPart", "Message", "Request", "Response", "TextPart"]
