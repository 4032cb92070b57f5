"""IFEval's 25 verifiable instructions, as VoiceBench and Speech-IFEval check them.

Official code: MatthewCYM/VoiceBench src/evaluator/ifeval.py and instruction_following_eval @5338154; kehanlu/Speech-IFEval
instruction_following_eval @e2e9c14 (other rules for five instructions: `SPEECH_RULES`). Both go back to
google-research/instruction_following_eval.

An argument that is missing is drawn at random by the official code. `official` tries all that can be drawn and says
`random` where the verdict depends on it. Sentences are counted by nltk's Punkt with its published English model where nltk
finds it (`python -m nltk.downloader punkt_tab`), else, and always in our own verdict, with the abbreviations below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from audiobench.scorers.base import RANDOM, require

Arguments = Mapping[str, Any]
Check = Callable[[str, Arguments], bool]
"""(response, arguments) -> whether it follows."""

OFFICIAL = "as the official code does"
"""Among the arguments: a text whose language cannot be told follows, and sentences are counted by the trained model."""
RELATIONS = ("less than", "at least")
_ABBREVIATIONS = (
    "a.m adj adm adv approx apr assn assoc aug ave bldg blvd brig bros c.f capt cf cm cmdr co col corp cpl cpt cu dec "
    "dept dist dr e.g eds eng esp esq est etc ex feb fri ft gen gov hon hrs i.e inc insp jan jr jul jun lb lbs lt ltd "
    "m.d maj messrs mg min mm mon mr mrs ms mt n.b nov oct op oz p.m p.s ph.d pl pp pres prof pt pvt rd rev sec sen "
    "sep sept sgt sq sr st supt tel thu thur tue u.k u.n u.s u.s.a univ viz vol vs yd yrs "
)
ENGLISH_ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
_CODES = "en es pt ar hi fr ru de ja it bn uk th ur ta te bg ko pl he fa vi ne sw kn mr gu pa ml fi"
LANGUAGES = frozenset(_CODES.split())
"""ISO 639-1 codes that the official code knows; any other raises KeyError there."""
_LIMITED_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_POSTSCRIPTS = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}


@cache
def _punkt(trained: bool) -> Any:
    require("ifeval", "counting sentences")
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    if trained:
        from nltk.tokenize import PunktTokenizer

        try:
            return PunktTokenizer("english")
        except LookupError:
            return _punkt(False)
    parameters = PunktParameters()
    parameters.abbrev_types = set(ENGLISH_ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters)


def sentences(text: str, *, trained: bool = False) -> int:
    """How many sentences; `trained`: by nltk's published model, where it is installed."""
    return len(_punkt(trained).tokenize(text))


def language(text: str) -> str | None:
    """ISO 639-1 code (zh-cn, zh-tw for Chinese) by langdetect with a fixed seed; None where it cannot tell.

    Raises:
        UsageError: langdetect is not installed.
    """
    require("ifeval", "telling languages apart")
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    DetectorFactory.seed = 0
    try:
        return detect(text)
    except LangDetectException:
        return None


def capital_words(text: str) -> int:
    """Words in capitals, in nltk's tokens (its sentence splitter only takes full stops off, which changes none)."""
    require("ifeval", "counting words in capitals")
    from nltk.tokenize import NLTKWordTokenizer

    return sum(word.isupper() for word in NLTKWordTokenizer().tokenize(text))


def _compare(number: int, arguments: Arguments, limit: str, relation: str = "relation") -> bool:
    less = arguments[relation] == RELATIONS[0]
    return number < arguments[limit] if less else number >= arguments[limit]


def _language_is(text: str, arguments: Arguments) -> bool:
    found, wanted = language(text), arguments["language"]
    if OFFICIAL in arguments:
        return found is None or found == wanted
    return found is not None and wanted in (found, found.partition("-")[0])


def _bullets(text: str, arguments: Arguments, marks: Sequence[str] = (r"\*[^\*]", "-")) -> bool:
    return sum(len(re.findall(rf"(?m)^\s*{mark}.*$", text)) for mark in marks) == arguments["num_bullets"]


def _paragraphs(text: str, arguments: Arguments, divider: str = r"\s?\*\*\*\s?") -> bool:
    parts = re.split(divider, text)
    blank = {index for index, part in enumerate(parts) if not part.strip()}
    return blank <= {0, len(parts) - 1} and len(parts) - len(blank) == arguments["num_paragraphs"]


def _first_word(text: str, arguments: Arguments) -> bool:
    parts = text.split("\n\n")
    filled = sum(bool(part.strip()) for part in parts)
    nth: int = arguments["nth_paragraph"]
    if nth > filled or not parts[nth - 1].strip():
        return False
    word = re.split(r"[.,?!'\"]", parts[nth - 1].split()[0].lstrip("'").lstrip('"'))[0]
    return filled == arguments["num_paragraphs"] and word.lower() == arguments["first_word"].lower()


def _postscript(text: str, arguments: Arguments) -> bool:
    marker = arguments["postscript_marker"].strip()
    pattern = _POSTSCRIPTS.get(marker, rf"\s*{marker.lower()}.*$")
    return bool(re.search(pattern, text.lower(), re.MULTILINE))


def _highlights(text: str, arguments: Arguments) -> bool:
    single = [m for m in re.findall(r"\*[^\n\*]*\*", text) if m.strip("*").strip()]
    double = [m for m in re.findall(r"\*\*[^\n\*]*\*\*", text) if m[2:-2].strip()]
    return len(single) + len(double) >= arguments["num_highlights"]


def _sections(text: str, arguments: Arguments) -> bool:
    mark = arguments["section_spliter"].strip()
    return len(re.split(rf"\s?{mark}\s?\d+\s?", text)) - 1 >= arguments["num_sections"]


def _json(text: str, arguments: Arguments) -> bool:
    text = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except ValueError:
        return False
    return True


def _two_responses(text: str, arguments: Arguments) -> bool:
    parts = [part.strip() for part in text.split("******")]
    filled = [part for part in parts if part]
    return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


def _quoted(text: str, arguments: Arguments) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _keywords(text: str, arguments: Arguments) -> bool:
    return all(re.search(word, text, re.IGNORECASE) for word in sorted(arguments["keywords"]))


def _forbidden(text: str, arguments: Arguments) -> bool:
    words = sorted(set(arguments["forbidden_words"]))
    return not any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in words)


def _frequency(text: str, arguments: Arguments) -> bool:
    return _compare(len(re.findall(arguments["keyword"].strip(), text, re.IGNORECASE)), arguments, "frequency")


def _letter(text: str, arguments: Arguments) -> bool:
    number = text.lower().count(arguments["letter"].lower())
    return _compare(number, arguments, "let_frequency", "let_relation")


def _repeats(text: str, arguments: Arguments, quotes: str = "") -> bool:
    said = text.strip().lower()
    return (said.strip(quotes) if quotes else said).startswith(arguments["prompt_to_repeat"].strip().lower())


def _ends(text: str, arguments: Arguments) -> bool:
    return text.strip().strip('"').lower().endswith(arguments["end_phrase"].strip().lower())


def _title(text: str, arguments: Arguments) -> bool:
    return any(title.lstrip("<").rstrip(">").strip() for title in re.findall(r"<<[^\n]+>>", text))


def _in_case(upper: bool) -> Check:
    def check(text: str, arguments: Arguments) -> bool:
        allowed = ("en", None) if OFFICIAL in arguments else ("en",)
        return (text.isupper() if upper else text.islower()) and language(text) in allowed

    return check


@dataclass(frozen=True, slots=True)
class Rule:
    """One instruction: its check, and what the official code draws for each argument that is missing."""

    check: Check
    drawn: Mapping[str, Sequence[Any] | None]
    """Argument -> values that can be drawn (None: from a list of words); an empty one must be given."""


def _rule(check: Check, **drawn: Sequence[Any] | None) -> Rule:
    return Rule(check, drawn)


RULES: Mapping[str, Rule] = {
    "keywords:existence": _rule(_keywords, keywords=None),
    "keywords:frequency": _rule(_frequency, keyword=None, frequency=range(1, 4), relation=RELATIONS),
    "keywords:forbidden_words": _rule(_forbidden, forbidden_words=None),
    "keywords:letter_frequency": _rule(
        _letter, letter="abcdefghijklmnopqrstuvwxyz", let_frequency=range(1, 11), let_relation=RELATIONS
    ),
    "language:response_language": _rule(_language_is, language=sorted(LANGUAGES)),
    "length_constraints:number_sentences": _rule(
        lambda t, a: _compare(sentences(t, trained=OFFICIAL in a), a, "num_sentences"),
        num_sentences=range(1, 21),
        relation=RELATIONS,
    ),
    "length_constraints:number_paragraphs": _rule(_paragraphs, num_paragraphs=range(1, 6)),
    "length_constraints:number_words": _rule(
        lambda t, a: _compare(len(re.findall(r"\w+", t)), a, "num_words"), num_words=(100, 500), relation=RELATIONS
    ),
    "length_constraints:nth_paragraph_first_word": _rule(
        _first_word, num_paragraphs=range(1, 6), nth_paragraph=range(1, 7), first_word=None
    ),
    "detectable_content:number_placeholders": _rule(
        lambda t, a: len(re.findall(r"\[.*?\]", t)) >= a["num_placeholders"], num_placeholders=range(1, 5)
    ),
    "detectable_content:postscript": _rule(_postscript, postscript_marker=tuple(_POSTSCRIPTS)),
    "detectable_format:number_bullet_lists": _rule(_bullets, num_bullets=range(1, 6)),
    "detectable_format:constrained_response": _rule(lambda t, a: any(answer in t for answer in _LIMITED_ANSWERS)),
    "detectable_format:number_highlighted_sections": _rule(_highlights, num_highlights=range(1, 5)),
    "detectable_format:multiple_sections": _rule(
        _sections, section_spliter=("Section", "SECTION"), num_sections=range(1, 6)
    ),
    "detectable_format:json_format": _rule(_json),
    "detectable_format:title": _rule(_title),
    "combination:two_responses": _rule(_two_responses),
    "combination:repeat_prompt": _rule(_repeats, prompt_to_repeat=()),
    "startend:end_checker": _rule(
        _ends, end_phrase=("Any other questions?", "Is there anything else I can help with?")
    ),
    "startend:quotation": _rule(_quoted),
    "change_case:capital_word_frequency": _rule(
        lambda t, a: _compare(capital_words(t), a, "capital_frequency", "capital_relation"),
        capital_frequency=range(1, 21),
        capital_relation=RELATIONS,
    ),
    "change_case:english_capital": _rule(_in_case(upper=True)),
    "change_case:english_lowercase": _rule(_in_case(upper=False)),
    "punctuation:no_comma": _rule(lambda t, a: "," not in t),
}
"""Instruction -> its rule, under the published names."""

SPEECH_RULES: Mapping[str, Rule] = {
    **RULES,
    "detectable_format:number_bullet_lists": _rule(
        lambda t, a: _bullets(t.replace("\\n", "\n"), a, (r"\*[^\*]", "-", "•", r"\d")), num_bullets=range(1, 6)
    ),
    "length_constraints:number_paragraphs": _rule(
        lambda t, a: _paragraphs(t.strip(), a, r"\s*\*\*\*\s*|\n{1,}"), num_paragraphs=range(1, 6)
    ),
    "combination:repeat_prompt": _rule(lambda t, a: _repeats(t, a, "\"'"), prompt_to_repeat=()),
    "change_case:english_capital": _rule(lambda t, a: t.isupper()),
    "change_case:english_lowercase": _rule(lambda t, a: t.islower()),
}
"""Speech-IFEval's: bullets by • and digits too, paragraphs at any line break, case without a test of the language."""


def _missing(name: str, value: Any, arguments: Arguments) -> bool:
    """Whether the official code draws this argument although it may have been given."""
    if name in ("keywords", "keyword", "forbidden_words"):
        return not value
    if name == "letter":
        return not value or len(value) > 1 or not "a" <= value.lower() <= "z"
    if value is None:
        return True
    if name == "nth_paragraph":
        return value <= 0 or value > (arguments.get("num_paragraphs") or value)
    return name not in ("capital_frequency", "first_word") and isinstance(value, int | float) and value < 0


def _drawn(rule: Rule, name: str, given: Arguments) -> Sequence[Any] | None:
    """Values that one argument can have; None: any word."""
    value = given.get(name)
    if not _missing(name, value, given):
        if name.endswith("relation") and value not in RELATIONS:
            raise ValueError(f"{name} {value!r}; allowed: {', '.join(RELATIONS)}")
        if name == "language" and value not in LANGUAGES:
            raise KeyError(value)
        return [value]
    domain = rule.drawn[name]
    if domain is not None and not len(domain):
        raise ValueError(f"{name} must be given")
    return domain


def official_check(rules: Mapping[str, Rule], instruction: str, given: Arguments, texts: Iterable[str]) -> bool | str:
    """Whether any of the texts follows, by the official code: True, False, or `random` where it draws the verdict.

    Raises what the official code raises: KeyError for an unknown instruction, TypeError for an unknown argument, ...
    """
    rule = rules[instruction]
    if unknown := set(given) - set(rule.drawn):
        raise TypeError(f"unexpected argument {min(unknown)!r}")
    domains = {name: _drawn(rule, name, given) for name in rule.drawn}
    filled = [text for text in texts if text.strip()]
    if not filled:
        return False
    known = {name: values for name, values in domains.items() if values is not None}
    if len(known) < len(domains):
        return RANDOM
    verdicts = {
        any(rule.check(text, {**dict(zip(known, values, strict=True)), OFFICIAL: True}) for text in filled)
        for values in product(*known.values())
    }
    return verdicts.pop() if len(verdicts) == 1 else RANDOM


def loosened(response: str) -> list[str]:
    """The response, and without its first line, last line, both; each with and without asterisks."""
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(text.replace("*", "") for text in cut)]


def follows(rules: Mapping[str, Rule], instruction: str, given: Arguments, texts: Iterable[str]) -> bool | None:
    """Our verdict: nothing is drawn, and a language that cannot be told does not follow; None = cannot be checked."""
    rule = rules.get(instruction)
    arguments = {name: value for name, value in given.items() if value is not None}
    if rule is None or any(_missing(name, arguments.get(name), arguments) for name in rule.drawn):
        return None
    return any(rule.check(text, arguments) for text in texts if text.strip())
