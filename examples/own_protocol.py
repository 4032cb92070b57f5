"""A protocol: the model answers, is asked whether it is sure, and its last answer counts.

audiobench run --model MODEL --tasks TASK --protocol single,examples/own_protocol.py:check_again:times=2
"""

from audiobench.ask.protocols import protocol, then
from audiobench.core.types import Exchange, TextPart


@protocol(version="1", needs=("assistant_turns",))
async def check_again(ask, request, *, times=1):
    """`times`: how often it is asked again."""
    response = await ask(request)
    for _ in range(times):
        request = then(request, response, TextPart("Listen again. Are you sure? Give your final answer."))
        response = await ask(request)
    return Exchange(response)
