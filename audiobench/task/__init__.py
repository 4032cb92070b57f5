"""Benchmarks, declared in YAML: `spec` (the format), `find` (by name or path), `check` (what people got wrong)."""
