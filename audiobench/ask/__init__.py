"""From a plan to a journal: the only part with side effects on models."""
