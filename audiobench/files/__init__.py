"""The files of a run, one module a format: its struct, its one writer, its one reader."""
