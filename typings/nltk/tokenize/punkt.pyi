"""Sentences."""

class PunktParameters:
    abbrev_types: set[str]

class PunktSentenceTokenizer:
    def __init__(self, train_text: PunktParameters | None = None) -> None: ...
    def tokenize(self, text: str) -> list[str]: ...
