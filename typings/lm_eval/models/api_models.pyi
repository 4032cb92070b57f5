"""What chat completions classes are handed."""

from typing import NamedTuple

class JsonChatStr(NamedTuple):
    prompt: str
    def encode(self, encoding: str) -> bytes: ...
