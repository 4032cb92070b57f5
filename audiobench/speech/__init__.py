"""Answers in speech: what a recogniser hears in them, and the figures that only such tasks have.

The answer's audio lies in the run's folder `answers/`; what was heard is journaled beside the task's journal, in
`transcripts.jsonl`, so that scoring stays a function of files.
"""
