"""StepEval-Audio-Paralinguistic: a judge says whether two descriptions of a voice or a scene agree, by a prompt for each kind.

Prompts: EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/step2_audio_paralinguistic/utils.py @75571cf (there gpt-3.5-turbo at
temperature 0, and a judge that fails counts as no; here it is no verdict). Step-Audio 2 publishes figures of spoken answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from audiobench.core.types import Sample
from audiobench.scorers.base import Judge, Scorer, Turns, fill, mean, references

SOURCE = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/step2_audio_paralinguistic/utils.py @75571cf"
SYSTEM = "你是一个专业的文本评估助手"
PROMPTS: Mapping[str, str] = {
    "default": """请评估以下两个文本是否描述了相似的内容。

文本1: {text1}
文本2: {text2}

只需回答小写的"yes"或"no"，不要解释:""",
    "gender": """请评估以下两个文本中是否都提到了相同性别的描述（"男"或"女"）。

文本1: {text1}
文本2: {text2}

判断标准：
1. 如果两个文本都包含"男"或男性相关词汇（如"男人"、"男性"、"男声"等），回答"yes"
2. 如果两个文本都包含"女"或女性相关词汇（如"女人"、"女性"、"女声"等），回答"yes"
3. 如果一个文本提到"男"而另一个提到"女"，回答"no"

只需回答小写的"yes"或"no"，不要解释:""",
    "speed": """请评估以下两个文本描述的语速级别是否相同或相邻。
文本1: {text1}
文本2: {text2}

语速级别定义（从快到慢）：
1. 快速
2. 中快速
3. 中速
4. 中慢速
5. 慢速

判断规则：
- 如果两个描述属于同一级别 → "yes"
- 如果相差一个级别（如"快速"和"中快速"） → "yes"
- 如果相差两个或更多级别 → "no"
- 如果无法确定具体级别 → "no"

只需回答小写的"yes"或"no"，不要解释:""",
    "voice_tone": """请评估以下两个文本中描述说话人的音色是否大体上相似。

文本1: {text1}
文本2: {text2}

只需回答小写的"yes"或"no"，不要解释:""",
    "rhythm": """请评估以下两个文本中描述说话人的节奏是否大体相似。

文本1: {text1}
文本2: {text2}

宽松匹配规则：
1. 只要双方都提到"平稳"、"流畅"、"自然"中的任意一个词，就认为匹配
2. 只要双方都提到"停顿"(无论何种停顿)，就认为匹配
3. "急促"和"波动"只要双方都有速度/节奏变化的描述就认为匹配

只需回答小写的"yes"或"no"，不要解释:""",
    "voice_styles": """请评估以下两个文本中描述说话人的语音风格是否大体上相似。

文本1: {text1}
文本2: {text2}

只需回答小写的"yes"或"no"，不要解释:""",
    "pitch": """请评估以下两个文本中描述说话人的音调是否大致相同。

文本1: {text1}
文本2: {text2}

只需回答小写的"yes"或"no"，不要解释:""",
    "emotions": """请评估以下两个文本描述的情感是否属于相近类别。
文本1: {text1}
文本2: {text2}

**情感分类及匹配规则：**
1. **积极类**（可互相匹配）：
   - 高兴/兴奋/愉快/热情/自豪/得意/温柔/撒娇/喜爱
2. **中性类**（可互相匹配）：
   - 平静/中性/冷静/客观/怀旧/沉思/稳重
3. **消极类**（可互相匹配）：
   - 愤怒/不满/沮丧/无奈/烦躁/指责/嘲讽/轻蔑/委屈/焦虑/绝望/痛苦/恐惧/羞愧

只需回答小写的 "yes" 或 "no"，不要解释：""",
    "scene": """请判断以下两个文本描述的音频场景是否一致：
规则：
1. 允许表述差异（如「在厨房」和「厨房里的声音」算匹配）。
2. 忽略无关符号或修饰词（如「<中文>」「的声音」「录的」等）。
3. 户外与公园要做区分，不属于同一个场景。

文本1: {text1}
文本2: {text2}

只需回答小写的 "yes" 或 "no",不要解释：""",
    "age": """请评估以下两个文本描述的说话人年龄范围是否相似（允许±10岁误差）。

文本1: {text1}
文本2: {text2}

判断步骤：
1. 提取文本1中的最小和最大年龄（如"20-30岁"→20和30）
2. 提取文本2中的最小和最大年龄
3. 计算两组年龄的中点
4. 如果两个中点相差≤10岁，回答"yes"；否则"no"

只需回答小写的"yes"或"no"，不要解释:""",
    "event": """请判断以下两个文本描述的声音事件是否在以下任一情况下匹配：
1. 描述同类事件（如都是动物声音、交通工具声等）
2. 语义上存在关联（如"歌声"和"音乐"）

文本1: {text1}
文本2: {text2}

只需回答小写的"yes"或"no":""",
    "vocalsound": """请判断以下两段文本中描述的声音/行为是否属于以下同类情况：
1. 相同类型的声音行为（如"咳嗽"和"咳嗽声"）
2. 相同情绪表达（如"笑声"和"笑声"）
3. 包含关系（如"咳嗽声"和"咳嗽和清嗓子的声音"）

文本1: {text1}
文本2: {text2}

根据以上标准，只需回答小写的"yes"或"no":""",
}
"""Kind of description (column `subset`) -> what the judge is asked; `default` for any other."""


def _render(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    prompt = PROMPTS.get(str(sample.metadata.get("subset")), PROMPTS["default"])
    return [("system", SYSTEM), ("user", fill(prompt, {"text1": " / ".join(references(sample)), "text2": text}))]


def yes_or_no(reply: str) -> float | None:
    """1 for yes, 0 for no, when that is all of the reply."""
    return {"yes": 1.0, "no": 0.0}.get(reply.strip().strip("\"'.。“”").lower())


SCORER = Scorer(
    name="stepeval_paralinguistic",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="a judge says whether the description agrees with the reference, by its kind (StepEval-Audio-Paralinguistic)",
    source=SOURCE,
    judge=Judge(
        name="stepeval_paralinguistic",
        source=SOURCE,
        template="\n\n".join(PROMPTS.values()),
        model_default="gpt-3.5-turbo",
        generation={"temperature": 0.0, "max_gen_toks": 16},
        runs=1,
        render=_render,
        parse=lambda reply, sample: yes_or_no(reply),
        combine=mean,
    ),
    columns=("subset",),
)
