"""Batch jobs: the open requests of a run, answered within a day at half the price (`audiobench run --batch`).

- `jobs`: what a run's folder keeps of each job, so that any later start goes on with it;
- `support`: which models and options have no batch jobs, and why;
- `driver`: submit, wait, collect. The answers become ordinary journal lines under the same keys.
"""
