"""The tokenizer, which runs Java."""

from collections.abc import Mapping, Sequence

class PTBTokenizer:
    def tokenize(self, captions_for_image: Mapping[int, Sequence[Mapping[str, str]]]) -> dict[int, list[str]]: ...
