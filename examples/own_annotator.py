"""Two annotators: one computes how loud a clip is, the other asks a model what an answer sounds like.

audiobench annotate RUN --by examples/own_annotator.py:Loudness
audiobench annotate RUN --by examples/own_annotator.py:Sentiment --model MODEL
audiobench report RUN --breakdown loudness
"""

import io

import numpy as np
import soundfile

from audiobench.ask.annotators import Annotator, question


class Loudness(Annotator):
    """Level of the first clip in dB of full scale, as one of three ranges."""

    def wants(self, item):
        return bool(item.record.audio)

    def value(self, item, replies):
        samples, _ = soundfile.read(io.BytesIO(item.clip()))
        level = 20 * np.log10(max(float(np.sqrt(np.mean(samples**2))), 1e-10))
        return "quiet" if level < -40 else "loud" if level > -20 else "medium"


class Sentiment(Annotator):
    """Sentiment of an answer, as a model reads it."""

    def asks(self, item):
        text = f"Is this text positive, negative or neutral? Reply with one word.\n\n{item.text}"
        return [question(text, temperature=0.0, max_gen_toks=1024)]

    def value(self, item, replies):
        said = replies[0].text.strip().lower().rstrip(".")
        return said if said in ("positive", "negative", "neutral") else None
