"""Of pycocoevalcap, which ships no types, what audiobench calls."""
