"""Statistics over plain sequences: intervals, paired comparison, power, scaling, does-it-listen measures.

Nothing here knows files or runs. Import the module that is needed (`audiobench.statistics.intervals`); this package
imports nothing, so that a run's closing table costs no start-up time.
"""
