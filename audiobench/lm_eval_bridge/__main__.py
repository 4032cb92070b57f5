"""lm-eval's own command line with `--model audiobench` known to it: `python -m audiobench.lm_eval_bridge ...`."""

from __future__ import annotations

import sys

from audiobench.core.errors import AudiobenchError, UsageError, install
from audiobench.lm_eval_bridge.registration import register


def main() -> int:
    """Register, then hand over to lm-eval."""
    try:
        from lm_eval.__main__ import cli_evaluate
    except ImportError:
        raise UsageError(f"lm-eval is not installed: {install('lm-eval')}") from None

    register()
    cli_evaluate()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AudiobenchError as error:
        print(f"audiobench: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
