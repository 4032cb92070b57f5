#!/bin/bash
# sbatch slurm_array.sh: eight parts of one run, on a GPU each.
# A part that its time limit stops has ended cleanly (TERM a minute before); the same sbatch goes on with it.
#SBATCH --job-name=audiobench
#SBATCH --array=1-8
#SBATCH --gres=gpu:1
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@60
#SBATCH --requeue
set -euo pipefail
: "${RESULTS:=$PWD/results/mmau-sharded}"

exec audiobench run --model step-audio-r1-fp8 --tasks mmau \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --out "$RESULTS/shard-$SLURM_ARRAY_TASK_ID"

# afterwards, once: sbatch --dependency=afterany:JOBID --wrap "audiobench merge $RESULTS/shard-* --out $RESULTS/whole"
