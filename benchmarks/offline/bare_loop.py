"""The floor: decode each line of a journal, as the type that `audiobench` reads, and keep nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from audiobench.files import records


def main() -> None:
    count = sum(1 for _ in records.read(Path(sys.argv[1])))
    print(count)


if __name__ == "__main__":
    main()
