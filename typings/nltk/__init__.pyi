"""Of nltk, which ships no types, what audiobench calls."""
