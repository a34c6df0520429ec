"""Checks objects against Kubernetes' own schema: a JSON schema with `definitions`, and `kinds`, which
says which of them `apps/v1/Deployment` is. Strict: a field that it does not know is a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manifests import Object

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_KEYWORDS = {
    *("$ref", "type", "properties", "additionalProperties", "required", "items"),
    *("minimum", "maximum", "pattern", "enum"),
}
_REMARKS = {"description", "format", "title", "default"}
_TOP = {"type": "object", "required": ["apiVersion", "kind", "metadata"]}


def _closed(required: list[str], **properties: Any) -> Object:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


_TEXT = {"type": "string"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}


def _list_of(schema: Object) -> Object:
    return {"type": "array", "items": schema}


def _custom_kind(spec: Object) -> Object:
    metadata = _closed(["name"], name=_TEXT, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS)
    top = ["apiVersion", "kind", "metadata", "spec"]
    return _closed(top, apiVersion=_TEXT, kind=_TEXT, metadata=metadata, spec=spec)


_RULE = _closed(
    ["expr"], alert=_TEXT, record=_TEXT, expr=_TEXT, labels=_TEXTS, annotations=_TEXTS,
    **{"for": _TEXT, "keep_firing_for": _TEXT},
)  # fmt: skip
_GROUP = _closed(["name", "rules"], name=_TEXT, interval=_TEXT, rules=_list_of(_RULE))
_ENDPOINT = _closed(["port"], port=_TEXT, path=_TEXT, interval=_TEXT, scrapeTimeout=_TEXT)

# The Prometheus operator's kinds are not Kubernetes'. As much of them as is used here.
CUSTOM_KINDS: dict[str, Object] = {
    "monitoring.coreos.com/v1/PrometheusRule": _custom_kind(
        _closed(["groups"], groups=_list_of(_GROUP))
    ),
    "monitoring.coreos.com/v1/ServiceMonitor": _custom_kind(
        _closed(
            ["selector", "endpoints"],
            jobLabel=_TEXT,
            selector=_closed([], matchLabels=_TEXTS),
            endpoints=_list_of(_ENDPOINT),
        )
    ),
}


class Schema:
    """Of the file; without one it knows the custom kinds only, and lets all others pass."""

    def __init__(self, path: Path | None) -> None:
        tree: Object = json.loads(path.read_text()) if path else {}
        self._definitions: Object = tree.get("definitions", {})
        self._kinds: dict[str, str] = tree.get("kinds", {})
        self.knows_kubernetes = bool(self._kinds)

    def faults(self, thing: Object) -> Iterator[str]:
        kind = f"{thing.get('apiVersion')}/{thing.get('kind')}"
        yield from self._check(thing, _TOP, "")
        if kind in CUSTOM_KINDS:
            yield from self._check(thing, CUSTOM_KINDS[kind], "")
        elif kind in self._kinds:
            yield from self._check(thing, self._definitions[self._kinds[kind]], "")
        elif self.knows_kubernetes:
            yield f"there is no kind {kind}"

    def _check(self, value: Any, schema: Object, path: str) -> Iterator[str]:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].rsplit("/", 1)[1]]
        unknown = schema.keys() - _KEYWORDS - _REMARKS
        if unknown:  # better no answer than a wrong one
            raise SystemExit(f"check-k8s: the schema uses {unknown}, which is not understood here")
        here = path or "it"
        expected = schema.get("type")
        if expected is not None and not _has_type(value, expected):
            yield f"{here} is {value!r}, not of type {expected}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{here} is {value!r}, not one of {schema['enum']}"
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            yield f"{here} is {value!r}, which is not of the form {schema['pattern']}"
        if isinstance(value, int) and not isinstance(value, bool):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                yield f"{here} is {value}, which is out of range"
        if isinstance(value, dict):
            yield from self._check_fields(value, schema, path)
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                yield from self._check(item, schema["items"], f"{path}.{index}".lstrip("."))

    def _check_fields(self, value: Object, schema: Object, path: str) -> Iterator[str]:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path or 'it'} has no {name}"
        for name, field in value.items():
            inner = f"{path}.{name}".lstrip(".")
            if name in properties:
                yield from self._check(field, properties[name], inner)
            elif others is False:
                yield f"{inner} is no field of this kind"
            elif isinstance(others, dict):
                yield from self._check(field, others, inner)


def _has_type(value: Any, expected: str | list[str]) -> bool:
    names = [expected] if isinstance(expected, str) else expected
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)
