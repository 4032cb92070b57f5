"""A run directory read and scored: a pure function of its files."""
