"""SpeechIO's Chinese text normalisation (TextNorm) and error rate.

Official code: SpeechColab/Leaderboard utils/textnorm_zh.py and utils/error_rate_zh @678f55a. Numbers are written as they are
read, by the first rule that takes them: date, money, telephone, fraction, per cent, number with a measure word, four digits
and more one by one, any other number. So "12345" is read digit by digit and "12345个" as a number, and 2022/1/1 is a fraction.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from audiobench.scorers.base import Normalizer, Scorer, require
from audiobench.scorers.metrics import CER
from audiobench.scorers.text import char_counts, edit_counts, error_rate

SOURCE = "SpeechColab/Leaderboard utils/textnorm_zh.py @678f55a"
_DIGITS = "零一二三四五六七八九"
_POWERS = dict(zip("十百千万亿兆京垓秭穰沟涧正载", (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44), strict=True))
_FILLERS = "呃啊"
_CURRENCY_UNITS = "((亿|千万|百万|万|千|百)|(亿|千万|百万|万|千|百)元|(亿|千万|百万|万|千|百|)块|角|毛|分)"
_MEASURE_WORDS = (
    "(匹|张|座|回|场|尾|条|个|首|阙|阵|网|炮|顶|丘|棵|只|支|袭|辆|挑|担|颗|壳|窠|曲|墙|群|腔|砣|座|客|贯|扎|捆|刀|令|打|手|罗|坡|"
    "山|岭|江|溪|钟|队|单|双|对|出|口|头|脚|板|跳|枝|件|贴|针|线|管|名|位|身|堂|课|本|页|家|户|层|丝|毫|厘|分|钱|两|斤|担|铢|石|"
    "钧|锱|忽|(千|毫|微)克|毫|厘|分|寸|尺|丈|里|寻|常|铺|程|(千|分|厘|毫|微)米|撮|勺|合|升|斗|石|盘|碗|碟|叠|桶|笼|盆|盒|杯|钟|"
    "斛|锅|簋|篮|盘|桶|罐|瓶|壶|卮|盏|箩|箱|煲|啖|袋|钵|年|月|日|季|刻|时|周|天|秒|分|旬|纪|岁|世|更|夜|春|夏|秋|冬|代|伏|辈|"
    "丸|泡|粒|颗|幢|堆|条|根|支|道|面|片|张|颗|块)"
)
_ER_KEPT = re.compile(
    "儿女|儿子|儿孙|女儿|儿媳|妻儿|胎儿|婴儿|新生儿|婴幼儿|幼儿|少儿|小儿|儿歌|儿童|儿科|托儿所|孤儿|儿戏|儿化|台儿庄|鹿儿岛|"
    "正儿八经|吊儿郎当|生儿育女|托儿带女|养儿防老|痴儿呆女|佳儿佳妇|儿怜兽扰|儿无常父|儿不嫌母丑|儿行千里母担忧|儿大不由爷|苏乞儿"
)
_PUNCTUATION = (
    "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃《》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏·〈〉-"
    + string.punctuation
)
_TO_BLANK = str.maketrans(_PUNCTUATION, " " * len(_PUNCTUATION))
_FULL_WIDTH = {chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)} | {"\u3000": " "}
_TO_HALF_WIDTH = str.maketrans(_FULL_WIDTH)
_ASCII = frozenset(string.ascii_letters + string.digits)


def digit_by_digit(number: str) -> str:
    """Each digit on its own; anything else between them is left out."""
    return "".join(_DIGITS[int(digit)] for digit in number if digit.isdigit())


def _places(number: str) -> list[str]:
    stripped = number.lstrip("0")
    if len(stripped) <= 1:
        return [*([_DIGITS[0]] if stripped and stripped != number else []), *(_DIGITS[int(d)] for d in stripped)]
    unit, power = [(unit, power) for unit, power in _POWERS.items() if power < len(stripped)][-1]
    return [*_places(number[:-power]), unit, *_places(stripped[-power:])]


def cardinal(number: str) -> str:
    """A number as it is read: 200 is 两百, 105 is 一百零五, 3.5 is 三点五, 12 is 十二."""
    whole, _, fraction = number.partition(".")
    symbols = _places(whole) if len(whole) > 1 else [_DIGITS[int(d)] for d in whole]
    symbols += ["点", *digit_by_digit(fraction)] if fraction else []
    powers = [_POWERS.get(symbol) for symbol in symbols]
    for place, symbol in enumerate(symbols[:-1]):
        before = powers[place - 1] if place else 0
        if symbol == "二" and powers[place + 1] not in (None, 1) and before not in (None, 1):
            symbols[place] = "两"
    words = "".join(symbols)
    return "零" + words if words.startswith("点") else words.removeprefix("一") if words[:2] == "一十" else words


def _date(text: str) -> str:
    year, mark, rest = text.partition("年")
    year, rest = (digit_by_digit(year) + mark, rest) if mark else ("", text)
    month, mark, day = rest.partition("月")
    month, day = (cardinal(month) + mark, day) if mark else ("", rest)
    return year + month + (cardinal(day[:-1]) + day[-1] if day else "")


def _money(text: str) -> str:
    for number, _ in re.findall(r"(\d+(\.\d+)?)", text):
        text = text.replace(number, cardinal(number))
    return text


def _fraction(text: str) -> str:
    numerator, _, denominator = text.partition("/")
    return f"{cardinal(denominator)}分之{cardinal(numerator)}"


_RULES: Sequence[tuple[str, Callable[[str], str]]] = (
    (r"\D+((([089]\d|(19|20)\d{2})年)?(\d{1,2}月(\d{1,2}[日号])?)?)", _date),
    (rf"\D+((\d+(\.\d+)?)[多余几]?{_CURRENCY_UNITS}(\d{_CURRENCY_UNITS}?)?)", _money),
    (r"\D((\+?86 ?)?1([38]\d|5[0-35-9]|7[678]|9[89])\d{8})\D", digit_by_digit),
    (r"\D((0(10|2[1-3]|[3-9]\d{2})-?)?[1-9]\d{6,7})\D", digit_by_digit),
    (r"(\d+/\d+)", _fraction),
    (r"(\d+(\.\d+)?%)", lambda found: "百分之" + cardinal(found.strip("%"))),
    (rf"(\d+(\.\d+)?)[多余几]?{_MEASURE_WORDS}", cardinal),
    (r"(\d{4,32})", digit_by_digit),
    (r"(\d+(\.\d+)?)", cardinal),
)
"""Pattern whose first group is rewritten, and how; the found texts are replaced one after another from the start."""


def _numbers(text: str) -> str:
    text = f"^{text}$"
    for pattern, rewrite in _RULES:
        text = text.replace("％", "%") if "%" in pattern else text
        for found in [match[1] for match in re.finditer(pattern, text)]:
            text = text.replace(found, rewrite(found), 1) if found else text
    for found, before, after in re.findall(r"(([a-zA-Z]+)二([a-zA-Z]+))", text):
        text = text.replace(found, f"{before}2{after}", 1)  # B2B
    return text.lstrip("^").rstrip("$")


def _without_er(text: str) -> str:
    """Without 儿 at the end of a word, except in words that have it themselves."""
    kept = ""
    while (at := text.find("儿")) >= 0:
        word = _ER_KEPT.search(text)
        cut = (word.end(), word.end()) if word and word.start() <= at else (at, at + 1)
        kept, text = kept + text[: cut[0]], text[cut[1] :]
    return kept + text


def _without_blanks(text: str) -> str:
    """Blanks stay between two Latin letters or digits only."""
    tokens = text.split()
    joined = "".join(tokens[:1])
    for before, token in pairwise(tokens):
        joined += (" " if before[-1] in _ASCII and token[0] in _ASCII else "") + token
    return joined


@cache
def _legal() -> frozenset[str]:
    """The 8,105 characters of the national standard of 2013, a few more, Latin letters, digits and the blank."""
    listed = (Path(__file__).parent / "data" / "hanzi.txt").read_text("utf-8")
    return frozenset(listed.replace("\n", "")) | _ASCII | {" "}


def text_norm(
    text: str,
    *,
    half_width: bool = False,
    upper: bool = False,
    lower: bool = False,
    fillers: bool = True,
    er: bool = True,
    check: bool = False,
    blanks: bool = True,
) -> str:
    """TextNorm. `fillers`, `er`, `blanks` False take them out; `check`: a text with another character is empty."""
    text = text.translate(_TO_HALF_WIDTH) if half_width else text
    text = text.upper() if upper else text
    text = text.lower() if lower else text
    text = text if fillers else text.translate(dict.fromkeys(map(ord, _FILLERS)))
    text = _numbers(text if er else _without_er(text)).translate(_TO_BLANK)
    if check and not set(text) <= _legal():
        return ""
    return text if blanks else _without_blanks(text)


def plain(text: str) -> str:
    """TextNorm with all options off."""
    return text_norm(text)


def leaderboard(text: str) -> str:
    """TextNorm as the leaderboard calls it: half width, upper case, without fillers and 儿."""
    return text_norm(text, half_width=True, upper=True, fillers=False, er=False)


def plain_letters(text: str) -> str:
    """`plain` in lower case without blanks: what characters are counted in."""
    return "".join(plain(text).lower().split())


def simplified_letters(text: str) -> str:
    """`plain_letters` of the text in simplified characters, mainland words (zhconv zh-cn): for Cantonese and sung Mandarin,
    whose references may be in traditional ones (MoonshotAI/Kimi-Audio-Evalkit@4080c49 almeval/metrics/wer.py, for yue).
    """
    require("zh", "simplified Chinese")
    import zhconv

    return plain_letters(zhconv.convert(text, "zh-cn"))


def leaderboard_letters(text: str) -> str:
    """`leaderboard` without blanks."""
    return "".join(leaderboard(text).split())


def rates(pairs: Sequence[tuple[str, str]], *, chars: bool) -> dict[str, Any]:
    """error_rate_zh's figures of normalised (reference, hypothesis); empty references are left out.

    Raises:
        ZeroDivisionError: no reference has a text.
    """
    split: Callable[[str], Sequence[str]] = (lambda t: list("".join(t.split()))) if chars else str.split
    found = [edit_counts(split(r), split(h), prefer="ids") for r, h in pairs if r.strip()]
    total = {kind: sum(one[kind] for one in found) for kind in ("cor", "sub", "ins", "del")}
    wrong = sum(any(one[kind] for kind in ("sub", "ins", "del")) for one in found)
    edits, length = total["sub"] + total["ins"] + total["del"], total["cor"] + total["sub"] + total["del"]
    return {
        "num_ref_utts": len(pairs), "num_hyp_utts": len(pairs), "num_eval_utts": len(found), "num_hyp_without_ref": 0,
        "C": total["cor"], "S": total["sub"], "I": total["ins"], "D": total["del"],
        "token_error_rate": 100.0 * edits / length, "num_utts_with_error": wrong,
        "sentence_error_rate": 100.0 * wrong / len(found),
    }  # fmt: skip


def _scorer(name: str, version: str, normalizer: Normalizer, doc: str) -> Scorer:
    return Scorer(
        name, version, error_rate(normalizer, char_counts), f"corpus character error rate after {doc}", CER, source=SOURCE,
        score_after=lambda other: error_rate(other, char_counts),
    )  # fmt: skip


PLAIN = _scorer("cer_zh_speechio", "2", plain_letters, "SpeechIO's normalisation, all options off")
LEADERBOARD = _scorer(
    "cer_zh_speechio_leaderboard", "1", leaderboard_letters, "SpeechIO's normalisation as its leaderboard calls it"
)
SIMPLIFIED = replace(
    _scorer(
        "cer_zh_simplified",
        "1",
        simplified_letters,
        "zhconv to simplified characters and SpeechIO's normalisation, all options off",
    ),
    extra="zh",
)
