"""Responses and runs made elsewhere: prediction files, logs of other harnesses, shards."""
