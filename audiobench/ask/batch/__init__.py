"""Batch jobs: the open requests of a run, answered within a day at half the price (`audiobench run --batch`).

- `apis`: OpenAI's `/v1/batches` and Gemini's `batchGenerateContent`;
- `jobs`: what a run's folder keeps of each job, so that any later start goes on with it;
- `support`: which models and options have no batch jobs, and why;
- `run`: submit, wait, collect. The answers become ordinary journal lines under the same keys.
"""
