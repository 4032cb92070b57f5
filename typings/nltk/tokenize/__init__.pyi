"""Words and sentences."""

from nltk.tokenize.punkt import PunktSentenceTokenizer

class PunktTokenizer(PunktSentenceTokenizer):
    def __init__(self, lang: str = "english") -> None: ...

class NLTKWordTokenizer:
    def tokenize(self, text: str) -> list[str]: ...
