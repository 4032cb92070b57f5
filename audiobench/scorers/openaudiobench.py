"""OpenAudioBench: a judge's verdict or rating, by the prompts that model reports use.

Prompts and their reading: MoonshotAI/Kimi-Audio-Evalkit almeval/datasets/ds_refqa.py @4080c49 (judge gpt-4o-mini, temperature
0, top_p 0.95), which follows baichuan-inc/OpenAudioBench. There a reply that cannot be read leaves the denominator; here it is
no verdict, and the item counts as not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from audiobench.core.types import Sample
from audiobench.scorers.base import Judge, Scorer, Turns, fill, mean, references
from audiobench.scorers.metrics import ACC, RATING, RATING_OF_5, Mean

SOURCE = "MoonshotAI/Kimi-Audio-Evalkit almeval/datasets/ds_refqa.py @4080c49"
LLAMA_PROMPT = """
## Background
You are a professional QA evaluation expert. You need to assess whether the model's answer is correct based on the standard answer.


## Scoring Criteria
Correct: The answer matches or is equivalent to the standard answer\x20

Incorrect: The answer is wrong or irrelevant to the question\x20


## Evaluation Guidelines
1. The expression of answers can be flexible, not requiring exact matches. For example:\x20

   - Numbers can be expressed in either Arabic numerals or words\x20

   - Proper nouns can be in either English or Chinese\x20

   - Differences in punctuation can be ignored\x20

2. Focus on whether the core meaning of the answer is correct\x20

## Output Format
Provide the reasoning for your score, then generate the result in "[]" format and make sure it contains "the score is [Correct]" or "the score is [Incorrect]", for example:
```
The answer is correct and equivalent to the standard answer, the score is [Correct]
```
or
```
The answer is incorrect and does not match the standard answer, the score is [Incorrect]
```



## Question:
{question}
## Standard Answer:
{answer}
## Model's Answer:
{prediction}
"""
ALIAS_PROMPT = """
Your will be given a question, the reference answers to that question, and an answer to be judged. Your tasks is to judge whether the answer to be judged is correct, given the question and reference answers. An answer considered correct expresses or contains the same meaning as at least **one of** the reference answers. The format and the tone of the response does not matter.You should respond in JSON format. First provide a one-sentence concise analysis for the judgement in field ‘analysis‘, then your judgment in field ‘judgment‘. For example,'''json
{"analysis": "<a one-sentence concise analysis for the judgement>", "judgment": < your final judgment, "correct" or "incorrect">}
'''
# Question
{question}
# Reference Answer
{answer}
# Answer To Be Judged
{prediction}
"""
ALPACA_PROMPT = """
[Instruction]
Please act as an impartial judge and evaluate the quality of the response provided by an AI assistant to the user question displayed below. Your evaluation should consider factors such as the helpfulness, relevance, accuracy, depth,creativity, and level of detail of the response. Begin your evaluation by providing a short explanation. Be as objective as possible. After providing your explanation, you must rate the response on a scale of 1 to 10 by strictly following this format: "[[rating]]", for example: "Rating: [[5]]".
[Question]
{question}

[The Start of Assistant’s Answer]
{prediction}
[The End of Assistant’s Answer]"""
REASONING_PROMPT = """
## 背景
现在你是一个大学数学老师。你需要依据 标准答案 来判断每道题的得分


## 判分依据
5分答案：满分答案，需要回答的答案正确，同时过程正确，且回答考虑到了各种可能性，考虑全面\x20

4分答案：答案正确，但是没有过程\x20

3分答案：答案错误，过程大部分正确；或者答案正确，但是过程出现明显错误\x20

2分答案：答案错误，且过程大部分错误\x20

1分答案：答案错误，过程和思路全错


## 其他注意事项
你需要忽略格式问题，以下都是一些等价的情况，不应该作为答案正确性的判断，比如\x20

1）latex格式表达的公式，普通格式表达的公式\x20

2）分数和小数表达的数值：比如1/3和0.33都算对\x20

3）关于π的表达：比如π、pi、3.14都是等价的\x20

4）关于常数的表达：比如n、k等常数表达都是等价的\x20

等，还有很多其他类似的等价表达\x20


## 生成格式
写出判分理由，再以"[]"的格式生成分数，比如：
```
这道题回答正确，但是没有中间过程，因此得4分，得分是[4]
```



## 题目
{question}
## 标准答案:
{answer}
## 学生回答:
{prediction}
"""

Read = Callable[[str], float | None]


def correct_or_not(reply: str) -> float | None:
    """`The score is [Correct]`: the first one."""
    found = re.search(r"[Tt]he score is \[([Cc]orrect|[Ii]ncorrect)\]", reply)
    return None if found is None else float(found[1].lower() == "correct")


def judgment(reply: str) -> float | None:
    """The value of `judgment` in the reply's object, whether or not that is valid JSON."""
    found = re.search(
        r"[\"'\u2018\u2019]?judgment[\"'\u2018\u2019]?\s*:\s*[\"']?\s*(correct|incorrect)\b", reply, re.IGNORECASE
    )
    return None if found is None else float(found[1].lower() == "correct")


def rating_of_10(reply: str) -> float | None:
    """`[[7]]`, from 1 to 10: the first one."""
    found = re.search(r"\[\[(\d+)\]\]", reply)
    return float(found[1]) if found and 1 <= int(found[1]) <= 10 else None


def rating_of_5(reply: str) -> float | None:
    """`[4]`, from 1 to 5: the last one, since the reasons come before it."""
    found = re.findall(r"\[([1-5])\]", reply)
    return float(found[-1]) if found else None


def _scorer(name: str, prompt: str, read: Read, metric: Mean, doc: str, *, reference: bool = True) -> Scorer:
    def render(sample: Sample, text: str, reasoning: str) -> Turns:
        del reasoning
        answer = " / ".join(references(sample))
        return [("user", fill(prompt, {"question": sample.question, "answer": answer, "prediction": text}))]

    return Scorer(
        name=f"openaudiobench_{name}",
        version="1",
        score=lambda answer, sample, text: (0.0, {}),
        doc=doc,
        metric=metric,
        source=SOURCE,
        judge=Judge(
            name=f"openaudiobench_{name}",
            source=SOURCE,
            template=prompt,
            model_default="gpt-4o-mini",
            generation={"temperature": 0.0, "top_p": 0.95, "max_gen_toks": 1024},
            runs=1,
            render=render,
            parse=lambda reply, sample: read(reply),
            combine=mean,
        ),
        needs_target=reference,
    )


LLAMA = _scorer(
    "llama",
    LLAMA_PROMPT,
    correct_or_not,
    ACC,
    "a judge says whether the answer is the reference (OpenAudioBench Llama Questions)",
)
ALIASES = _scorer(
    "aliases", ALIAS_PROMPT, judgment, ACC,
    "a judge says whether the answer is one of the references (OpenAudioBench TriviaQA, Web Questions)",
)  # fmt: skip
ALPACA = _scorer(
    "alpaca",
    ALPACA_PROMPT,
    rating_of_10,
    RATING,
    "a judge's rating from 1 to 10 (OpenAudioBench AlpacaEval)",
    reference=False,
)
REASONING = _scorer(
    "reasoning",
    REASONING_PROMPT,
    rating_of_5,
    RATING_OF_5,
    "a judge's rating from 1 to 5 (OpenAudioBench Reasoning QA)",
)
