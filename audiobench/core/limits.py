"""Limits that hold unless the user sets others. Each has its value here and nowhere else."""

from __future__ import annotations

ATTEMPTS = 8
"""Calls that one request may take."""
TIMEOUT_SECONDS = 600.0
"""Seconds that one call may take."""
REPLICA_WAIT_SECONDS = 600.0
"""Seconds that no replica of a cluster may be up before a run ends."""
BATCH_POLL_SECONDS = 30.0
"""Seconds between two looks at a batch job."""
