"""The options of each command, one module a command, apart from what it runs: `--help` and a mistyped option import nothing heavy."""
