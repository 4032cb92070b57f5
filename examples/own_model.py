"""A model of one's own in ten lines: it hears whether a tone is low or high.

python examples/own_task.py
audiobench run --model examples/own_model.py:ZeroCrossings --tasks examples/own_task.yaml
"""

import io

import numpy as np
import soundfile

from audiobench.model import Response


class ZeroCrossings:
    def __init__(self, spec, *, base_url=None, timeout=600.0):
        pass

    async def generate(self, request):
        samples, rate = soundfile.read(io.BytesIO(request.audio[0].data))
        pitch = np.count_nonzero(np.diff(np.signbit(samples))) / 2 / (len(samples) / rate)  # Hz
        return Response("high" if pitch > 500 else "low")

    async def close(self):
        pass
