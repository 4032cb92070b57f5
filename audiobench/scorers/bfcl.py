"""BFCL's match of tool calls with the allowed ones (`bfcl_ast`), by its own rules.

Official rules: PyPI bfcl-eval 2026.3.23 (eval_checker/ast_eval/ast_checker.py, eval_runner.py, model_handler/utils.py). Its
quirks are kept: a whole number passes for a float, but not within a required array; strings are compared without case, spaces
and `,./-_*^`; an optional parameter may be left out where `""` is among its answers; a further parameter is wrong.

Calls are read from the response in the form that AU-Harness asks for (ServiceNow/AU-Harness @daa0616: a JSON list of
`{name: {parameter: value}}`, fenced or not), or as Python calls, which is BFCL's own form. A dot in a name is an underscore, as
many servers allow none. A response to an item that no tool helps with is right where it calls none. In a conversation with
scripted results, the calls of all its turns are matched together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from msgspec import Struct

from audiobench.core.narrow import is_list, is_object, is_sequence
from audiobench.core.tool_results import Called
from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import OfficialFigure, Scorer, ScoreResult

SOURCE = "PyPI bfcl-eval 2026.3.23 eval_checker/ast_eval/ast_checker.py, eval_runner.py"
Call = Mapping[str, Mapping[str, Any]]
"""{name: {parameter: value}}."""
TYPES: Mapping[str, type[Any]] = {
    "string": str, "integer": int, "float": float, "boolean": bool, "array": list, "tuple": list, "dict": dict,
    "object": dict, "number": float, "any": str,
}  # fmt: skip


class Rules(NamedTuple):
    """What of a match differs from version to version of BFCL's code."""

    types: Mapping[str, type[Any]] = TYPES
    unchecked: tuple[str, ...] = ()
    """Types whose values are not looked at."""


RULES = Rules()
_FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_LOOSE = re.compile(r"[ ,./\-_*^]")
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


class Checked(Struct, frozen=True):
    """Whether calls are allowed ones, and what is wrong with them in BFCL's words."""

    valid: bool
    error_type: str | None = None


RIGHT = Checked(True)


# ---- Python calls ----------------------------------------------------------------------------------------------------


def python_calls(text: str) -> list[Call]:
    """The calls that a response holds as Python, `[f(a=1), g(b="x")]`, brackets or not.

    Raises:
        ValueError, SyntaxError, AttributeError: it is none.
    """
    text = text.strip("`\n ")
    text = text if text.startswith("[") else f"[{text}"
    text = text if text.endswith("]") else f"{text}]"
    if not text.strip("[]'"):
        return []
    body = ast.parse(text.strip("[]'"), mode="eval").body
    if not isinstance(body, ast.Call | ast.List | ast.Tuple | ast.Set):
        raise ValueError("something else than calls")
    found = [body] if isinstance(body, ast.Call) else body.elts
    calls = [call for call in found if isinstance(call, ast.Call)]
    if len(calls) < len(found):
        raise ValueError("something else than calls")
    return [_call(call) for call in calls]


def _call(node: ast.Call) -> dict[str, Any]:
    """{name: arguments}; arguments without a name are dropped, as there."""
    parts: list[str] = []
    function: ast.expr = node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    return {".".join(reversed(parts)): {str(word.arg): _value(word.value) for word in node.keywords}}


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return "..." if value is Ellipsis else value
        case ast.UnaryOp(operand=operand):
            return -_value(operand)
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key is not None}
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_value(left), _value(right))
        case ast.Name(id=name):
            return name
        case ast.Call(keywords=words):
            return _call(node) if words else ast.unparse(node)
        case ast.Subscript():
            return ast.unparse(node)
        case _:
            raise ValueError(f"{type(node).__name__}: no value of an argument")


# ---- the match -------------------------------------------------------------------------------------------------------


def check(
    tools: Sequence[Mapping[str, Any]],
    calls: Sequence[Call],
    allowed: Sequence[Call],
    *,
    dots: bool,
    rules: Rules = RULES,
) -> Checked:
    """Whether `calls` are the allowed ones, in any order.

    Args:
        tools: as BFCL writes them: name, parameters with properties and required.
        calls: what was called.
        allowed: {name: {parameter: [values]}} for each call.
        dots: whether names are called with underscores for their dots.
        rules: those of another version.
    """
    about = {str(tool["name"]): tool for tool in tools}
    if len(allowed) == 1:
        if len(calls) != 1:
            return Checked(False, f"{'multiple' if len(tools) > 1 else 'simple'}_function_checker:wrong_count")
        (name,) = allowed[0]
        return _one(about[name], calls[0], allowed[0][name], dots, rules)
    if len(calls) != len(allowed):
        return Checked(False, "parallel_function_checker_no_order:wrong_count")
    left = list(calls)
    for expected in allowed:
        (name,) = expected
        found = next((call for call in left if _one(about[name], call, expected[name], dots, rules).valid), None)
        if found is None:
            return Checked(False, "parallel_function_checker_no_order:cannot_find_match")
        left.remove(found)
    return RIGHT


def _one(tool: Mapping[str, Any], call: Call, allowed: Mapping[str, Any], dots: bool, rules: Rules) -> Checked:
    name = str(tool["name"]).replace(".", "_") if dots else str(tool["name"])
    if name not in call:
        return Checked(False, "simple_function_checker:wrong_func_name")
    given = call[name]
    known = tool["parameters"]["properties"]
    if any(required not in given for required in tool["parameters"].get("required", ())):
        return Checked(False, "simple_function_checker:missing_required")
    for parameter, value in given.items():
        if parameter not in known or parameter not in allowed:
            return Checked(False, "simple_function_checker:unexpected_param")
        if known[parameter]["type"] in rules.unchecked:
            continue
        found = _argument(known[parameter], value, allowed[parameter], rules.types)
        if not found.valid:
            return found
    if any(parameter not in given and "" not in values for parameter, values in allowed.items()):
        return Checked(False, "simple_function_checker:missing_optional")
    return RIGHT


def _argument(about: Mapping[str, Any], value: Any, allowed: Sequence[Any], types: Mapping[str, type[Any]]) -> Checked:
    described = str(about["type"])
    wanted = types[described]
    nested = types[str(about["items"]["type"])] if described in ("array", "tuple") else None
    if described == "tuple" and is_sequence(value):
        value = list(value)
    if wanted is float and type(value) is int:
        value = float(value)
    typed, is_variable = _typed(value, allowed, wanted, nested)
    if not typed.valid:
        return typed
    if not is_variable:
        if wanted is dict:
            return _dict(value, allowed)
        if wanted is list and nested is dict:
            return _dicts(value, allowed)
        if wanted is str:
            return _said(
                _loose(value) in [_loose(one) for one in allowed if isinstance(one, str)], "value_error:string"
            )
        if wanted is list:
            return _said(_loose(value) in [_loose(one) or [] for one in allowed], "value_error:list/tuple")
    return _said(value in allowed, "value_error:others")


def _said(valid: bool, error_type: str) -> Checked:
    return RIGHT if valid else Checked(False, error_type)


def _typed(value: Any, allowed: Sequence[Any], wanted: type[Any], nested: type[Any] | None) -> tuple[Checked, bool]:
    """Whether a value is of the type, and whether the answers are of another one (BFCL: the value is a variable)."""
    kinds: list[type[Any]] = [type(one) for one in allowed if one != ""]
    answers = kinds[0] if kinds else None
    is_variable = answers is not None and answers is not wanted
    if type(value) is wanted:
        if nested is None or any(
            not is_list(one) or all(_typed(item, one, nested, None)[0].valid for item in value) for one in allowed
        ):
            return RIGHT, is_variable
        return Checked(False, "type_error:nested"), is_variable
    if answers is not None and type(value) is answers:
        return RIGHT, True
    return Checked(False, "type_error:simple"), is_variable


def _loose(value: Any) -> Any:
    if isinstance(value, str):
        return _LOOSE.sub("", value).lower().replace("'", '"')
    return [_loose(item) if isinstance(item, str) else item for item in value] if is_list(value) else value


def _dict(value: Mapping[str, Any], allowed: Sequence[Any]) -> Checked:
    found = Checked(False, "dict_checker:unclear")
    for one in allowed:
        if one == "":
            continue
        found = _keys(value, one)
        if found.valid:
            break
    return found


def _keys(value: Mapping[str, Any], allowed: Mapping[str, Any]) -> Checked:
    for key, item in value.items():
        if key not in allowed:
            return Checked(False, "value_error:dict_key")
        loose = _loose(item) if isinstance(item, str) else item
        if loose not in [_loose(one) if isinstance(one, str) else one for one in allowed[key]]:
            return Checked(False, "value_error:dict_value")
    missing = any(key not in value and "" not in values for key, values in allowed.items())
    return _said(not missing, "value_error:dict_key")


def _dicts(value: Sequence[Any], allowed: Sequence[Any]) -> Checked:
    found = Checked(False, "list_dict_checker:unclear")
    for one in allowed:
        if len(value) != len(one):
            found = Checked(False, "value_error:list_dict_count")
            continue
        found = next((c for c in (_dict(a, [b]) for a, b in zip(value, one, strict=True)) if not c.valid), RIGHT)
        if found.valid:
            break
    return found


def official(text: str, category: str, tools: Sequence[Any], allowed: Sequence[Call], *, dots: bool) -> Checked:
    """BFCL's verdict on a response in its own form, Python calls; `category`: relevance and irrelevance have no answers."""
    try:
        calls = python_calls(text)
    except Exception:  # what cannot be read is a verdict there, whatever went wrong
        calls = None
    if "relevance" in category:
        calls_one = bool(calls)
        if "irrelevance" in category:
            return _said(not calls_one, "irrelevance_error:decoder_success")
        return _said(calls_one, "relevance_error:decoder_failed")
    if calls is None:
        return Checked(False, "ast_decoder:decoder_failed")
    return check(tools, calls, allowed, dots=dots)


# ---- a response ------------------------------------------------------------------------------------------------------


def calls_in(text: str) -> list[Call] | None:
    """The tool calls of a response; an empty list where it says that it calls none, None where it holds none."""
    found = _calls_as_json(text)
    if found is not None:
        return found
    try:
        return python_calls(text)
    except (ValueError, SyntaxError, AttributeError, TypeError, RecursionError, MemoryError):
        return None


def calls_written(text: str, known: Sequence[str]) -> list[Call]:
    """The tool calls of an answer that may be no call: as JSON whatever their names, as Python only of a known name, since
    prose may look like it (`Paris (France)`).
    """
    found = _calls_as_json(text)
    if found is not None:
        return found
    names = {name.replace(".", "_") for name in known}
    return [call for call in calls_in(text) or () if all(name.replace(".", "_") in names for name in call)]


def _calls_as_json(text: str) -> list[Call] | None:
    fenced = _FENCED.findall(text)
    for candidate in (*reversed(fenced), text):
        try:
            found = orjson.loads(candidate.strip())
        except orjson.JSONDecodeError:
            continue
        found = [found] if is_object(found) else found
        if is_list(found) and all(map(_is_call, found)):
            return found
    return None


def _is_call(value: Any) -> bool:
    return is_object(value) and len(value) == 1 and all(map(is_object, value.values()))


def _opened(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def carried_out(called: Sequence[Called]) -> list[Call]:
    """The calls of a conversation but for those that the tools themselves refused: an unknown name, wrong arguments."""
    return [{one.name: one.arguments} for one in called if one.told not in ("unknown_tool", "wrong_arguments")]


def judged(text: str, sample: Sample) -> dict[str, Any]:
    """What a response did: whether it called a tool and should have, whether it chose the right ones, and the match."""
    tools: list[dict[str, Any]] = _opened(sample.metadata["tools"])
    reference: list[Call] = _opened(sample.metadata["reference"]) or []
    called = calls_in(text) if sample.called is None else carried_out(sample.called)
    calls = [_underscored(call) for call in called or []]
    known = [str(tool["name"]) for tool in tools]
    allowed = [{_whole_name(name, known): values for name, values in one.items()} for one in reference]
    wanted, chosen = (sorted(name.replace(".", "_") for one in listed for name in one) for listed in (allowed, calls))
    if allowed:
        found = check(tools, calls, allowed, dots=True)
    else:
        found = _said(not calls, "irrelevance_error:decoder_success")
    return {
        "valid": found.valid, "error_type": found.error_type, "called": bool(calls), "wanted": bool(allowed),
        "chosen": chosen == wanted,
    }  # fmt: skip


def _underscored(call: Call) -> Call:
    return {name.replace(".", "_"): given for name, given in call.items()}


def _whole_name(name: str, known: Sequence[str]) -> str:
    """A tool's name; the spoken set's answers may leave out what stands before the last dot (as AU-Harness reads them)."""
    return next((full for full in known if name in (full, full.rpartition(".")[2])), name)


def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 where the calls match."""
    del answer
    found = judged(text, sample)
    return float(found["valid"]), found


def summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    """The share that matches; trigger precision and recall, tool choice of what was called, and irrelevance apart."""
    del samples

    def share(of: str | None, among: Sequence[Mapping[str, Any]]) -> float | None:
        return sum(bool(one[of]) for one in among) / len(among) if of and among else None

    called = [one for one in verdicts if one["called"]]
    wanted = [one for one in verdicts if one["wanted"]]
    both = [one for one in wanted if one["called"]]
    parts = {
        "trigger_precision": share("wanted", called), "trigger_recall": share("called", wanted),
        "tool_choice": share("chosen", both), "arguments": share("valid", [one for one in both if one["chosen"]]),
        "irrelevance": share("valid", [one for one in verdicts if not one["wanted"]]),
    }  # fmt: skip
    return OfficialFigure("bfcl", share("valid", list(verdicts)), len(verdicts), parts=parts)


SCORER = Scorer(
    name="bfcl_ast",
    version="1",
    score=score,
    doc="the tool calls are allowed ones by BFCL's rules; official.parts: trigger precision and recall, tool choice, arguments, irrelevance",
    source=SOURCE,
    official=lambda text, sample: judged(text or "", sample),
    official_summary=summary,
    columns=("tools", "reference"),
    needs_target=False,
)
