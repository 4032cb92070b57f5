"""JSON schemas of the task and model formats, which editors use to complete and check YAML.

`python -m audiobench.model.schema` writes them: tasks/task.schema.json, tasks/group.schema.json and model_adapters/model.schema.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from audiobench.model.spec import ModelSpec
from audiobench.task.groups import GroupSpec
from audiobench.task.spec import TaskSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ROOT = Path(__file__).resolve().parents[2]


INCLUDE = {
    "anyOf": [{"type": "string"}, {"items": {"type": "string"}, "type": "array"}],
    "description": "Files beside this one whose keys hold here too, unless they are given here.",
}


def json_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON schema (2020-12) of what a YAML file of `model` may say; what it must say can stand in what it includes."""
    schema = model.model_json_schema(by_alias=True)
    schema.pop("required", None)
    schema["properties"] = {"include": INCLUDE, **schema["properties"]}
    return {"$schema": DIALECT, **schema, "title": title}


def schemas(root: Path = ROOT) -> dict[Path, str]:
    """File -> text of every schema that the repository holds."""
    declared = {
        root / "tasks" / "task.schema.json": json_schema(TaskSpec, "audiobench task"),
        root / "tasks" / "group.schema.json": json_schema(GroupSpec, "audiobench group of tasks"),
        root / "model_adapters" / "model.schema.json": json_schema(ModelSpec, "audiobench model"),
    }
    return {path: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for path, schema in declared.items()}


if __name__ == "__main__":
    for path, text in schemas().items():
        path.write_text(text, encoding="utf-8")
