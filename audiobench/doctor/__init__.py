"""What on this machine keeps a run from working."""
