"""Of whisper_normalizer, which ships no types, what audiobench calls."""
