"""What is wrong with a row of a data set."""


class RowError(Exception):
    """What is wrong with a row; the caller adds file, row and id."""
