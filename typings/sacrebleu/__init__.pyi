"""Of sacrebleu, whose own types are partial, what audiobench calls."""
