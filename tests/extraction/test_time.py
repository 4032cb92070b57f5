"""The time a rule takes grows about as the response does, whatever a runaway generation repeats."""

from __future__ import annotations

import time

import pytest

from audiobench.extraction import EXTRACTORS, extract

OPTIONS = ("A minor", "Woman", "the", "a a a b")
PIECES = (
    " ", "\n", " \n", "\r\n", "\u3000", "\u200b ", "a", "the ", "A ", "1", "1,", "-", "(", "[A", "* ", "**a ", "__a", "` ",
    "'a", '"', "." , ",", "? ", "\n(A) ", "\nA. x", "$a", "\\( ", "{{", "\\boxed{", "\\boxed{}", "<think>", "<answer>",
    "<response>B", "</think>", "<reasoning>", "[THINK]", "<|channel|>analysis", "to=self ", "<Conclusion>B", "a</answer>",
    "<|a", "answer is ", "the ", "correct ", "likely, ", "(B) ", "not ", "n't ", "not really ", "n't yes.",
    "is wrong ", "don't ", "十", "万", "二", "答案", "不是", "ﷺ", "½", "a\u0300\u0316", "\u0300\u0316", "one hundred and ",
    "point one ", "minus ", '"answer": "', "= 1", ", B", "in key of ", "B\n", "wait, ", "B. Actually, no. ", "no, ",
    'says "', 'says "a" ', "at least 3 ", "5 or ", "3+", "^3", "between 5 and ", "5 to ", "not 5 ", "(step 1", "B, i.e. ",
    "in total ", "no valid ", "seems valid, ", "return you ", "a (1) ", "(1", "5元", "五块五", "two minus ", "x in^2 ", "廿", "pays $1 for ", "1, ", "not the case ", "do not think ", "is valid, ", "no, ", "so yes. ", "lies. ", "total ", "you have 1 ", "not back at ", "1 000 ",
    "1,00,", "1'000", "1.000.", "0,", "1/2", "1 1/", "a half ", "two and ", "point ", "dozen ", "hundred, ", "1 + ", "1 = ",
    "1 and ", "5 plus 6 is ", "5 dollars and ", "\\frac{1}", "\\frac1", "{,}", "1\\,", "**1", "**1** ", "x10^", "²", "1²", "1½", "零下",
    "百分之", "分之", "3万", "一百", "个半", "1:", "1st ", "is the only option i ", "i almost picked ", "5 million ",
)  # fmt: skip
ENDS = (("", ""), ("It sounds like the red car.", "the end"), ("= 1", "x"))
RULES = tuple(rule for rule in EXTRACTORS if rule not in ("option_letter", "option_text"))  # these two share `choose`


def seconds(rule: str, piece: str, ends: tuple[str, str], size: int) -> float:
    text = ends[0] + (piece * (size // len(piece) + 1))[:size] + ends[1]
    began = time.process_time()
    extract(text, [rule], slots=OPTIONS)
    return time.process_time() - began


@pytest.mark.parametrize("rule", RULES)
def test_time_grows_with_the_length_of_the_response(rule):
    slow = []
    for piece in PIECES:
        for ends in ENDS:
            short, long = (seconds(rule, piece, ends, size) for size in (2500, 10_000))
            if long > 6 * short + 0.05:
                slow.append((piece, ends, short, long))
    # a busy machine may spoil one measurement, not the same one three times over
    assert [s for s in slow if all(seconds(rule, *s[:2], 10_000) > 6 * s[2] + 0.05 for _ in range(2))] == []


@pytest.mark.parametrize("piece", ["\n", " ", "万", "二", "十"])
def test_a_long_run_between_two_words_changes_nothing(piece):
    for rule in EXTRACTORS:
        assert extract("It sounds like" + piece * 20_000 + "the end", [rule], slots=("Man", "Dog")).rule in (
            None,
            "full_text",
        )


def test_white_space_around_an_answer_does_not_change_it():
    wide = " " * 20_000 + "\n" * 20_000
    assert extract(f"The answer{wide}is{wide}B.", ["multiple_choice"], slots=("Man", "Woman")).value == "B"
    assert extract(f"Final answer:{wide}no", ["yes_no"]).value == "no"
