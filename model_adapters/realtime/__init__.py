"""Speech to speech over websockets: OpenAI Realtime, Gemini Live, and StepFun's older dialect of OpenAI's.

- `adapter`: one session for each request; streams the clip, keeps the answer's audio, reports the times;
- `openai`, `gemini_live`: the two protocols, as frames to send and frames received;
- `session_loop`, `stamped`: what keeps the clock honest: a loop that only sessions run on, arrivals noted at the socket;
- `turn`: what a turn brought, its clock, and what its times mean;
- `failures`: which error an event, a closed connection or a refused handshake is.
"""

from model_adapters.realtime.adapter import Realtime

__all__ = ["Realtime"]
