"""Tables over many runs."""
