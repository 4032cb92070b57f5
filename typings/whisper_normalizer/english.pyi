"""The English normaliser, and the tables in it that may be changed."""

class EnglishNumberNormalizer:
    def __call__(self, s: str) -> str: ...

class EnglishSpellingNormalizer:
    mapping: dict[str, str]
    def __call__(self, s: str) -> str: ...

class EnglishTextNormalizer:
    ignore_patterns: str
    replacers: dict[str, str]
    standardize_numbers: EnglishNumberNormalizer
    standardize_spellings: EnglishSpellingNormalizer
    def __call__(self, s: str) -> str: ...
