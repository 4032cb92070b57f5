"""The regression gate: a run and a committed baseline become an exit code that a CI job can trust.

`arms` reduces a run to outcomes, `baseline` keeps them in a file, `checks` decides, `policy` says how strictly,
`confirm` asks again, and `junit`, `markdown` and `verdict` tell others. docs/gate.md explains every check.
"""
