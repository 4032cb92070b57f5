"""Of lm-eval 0.4.13, whose own types are partial, what the bridge calls and overrides."""
