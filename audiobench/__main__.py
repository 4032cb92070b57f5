"""`python -m audiobench`."""

import sys

from audiobench.cli import main

sys.exit(main())
