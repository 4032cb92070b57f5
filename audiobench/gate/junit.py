"""JUnit XML, as CI systems show it: a suite per model and condition, a case per task and question.

A regression is a `<failure>`; what could not be compared, or measured, is an `<error>`; nothing is ever `<skipped>`,
because a skipped gate looks green.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from audiobench.core.disk import write_whole
from audiobench.gate.verdict import Check, Item, Verdict, shown

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow: control characters, lone surrogates, U+FFFE and U+FFFF."""
CASES = {
    "score": ("present", "fingerprint", "samples", "settings", "floor", "score", "power", "improvement"),
    "unparsed": ("unparsed",),
    "coverage": ("coverage",),
    "think_gain": ("think_gain", "power"),
}
"""Test case -> the checks that it reports."""
FLIPS = 10


def write_junit(path: Path, verdict: Verdict) -> None:
    """Write the verdict as JUnit XML, replaced at once."""
    write_whole(path, junit(verdict))


def junit(verdict: Verdict) -> bytes:
    """The verdict as JUnit XML."""
    root = ElementTree.Element("testsuites", name="audiobench gate")
    suites: dict[str, ElementTree.Element] = {}

    def suite(condition: str) -> ElementTree.Element:
        name = clean(f"{verdict.model} {condition}".strip())
        if name not in suites:
            suites[name] = ElementTree.SubElement(root, "testsuite", name=name)
        return suites[name]

    if verdict.error is not None:
        case = ElementTree.SubElement(suite(""), "testcase", classname="gate", name="baseline")
        element = ElementTree.SubElement(case, "error", message=clean(verdict.error))
        element.text = clean(verdict.error)
    for item in verdict.items:
        names = ("think_gain",) if item.kind == "think_gain" else ("score", "unparsed", "coverage")
        for name in names:
            _case(suite(item.condition), item, name)
    for element in [root, *suites.values()]:
        for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            element.set(kind, str(len(list(element.iter(tag)))))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(suite: ElementTree.Element, item: Item, name: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=clean(item.task), name=name)
    checks = [check for check in item.checks if check.name in CASES[name]]
    stopped = [check for check in item.checks if check.level in ("not_comparable", "incomplete")]
    bad = stopped or [check for check in checks if check.level == "regression"]
    if bad:
        element = ElementTree.SubElement(case, "error" if stopped else "failure", message=clean(bad[0].message))
        element.text = clean("\n".join([*(check.message for check in bad), *_flipped(item, name)]))
    told = [_told(check) for check in checks if check not in bad]
    if told:
        ElementTree.SubElement(case, "system-out").text = clean("\n".join(told))


def _told(check: Check) -> str:
    return f"{'warning: ' if check.level == 'warn' else ''}{check.message}"


def _flipped(item: Item, name: str) -> list[str]:
    if name != "score":
        return []
    return [
        f"  {flip.id}: {shown(item, flip.before)} -> {shown(item, flip.after)}, answered {flip.answer!r}, "
        f"right is {flip.target!r}"
        for flip in item.flips[:FLIPS]
    ]


def clean(text: str) -> str:
    """`text` without what XML 1.0 does not allow; escaping is the serialiser's."""
    return ILLEGAL.sub("\ufffd", text)
