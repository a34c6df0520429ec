"""What the rules share. A rule is a function that yields what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from manifests import Project, Rendering, get

Faults = Iterator[str]
Rule = Callable[[Rendering, Project], Faults]
RULES: list[Rule] = []

API_PORT, ADMIN_PORT, DATABASE_PORT, DNS_PORT = 8000, 9464, 5432, 53
SERVICE_SECRET, OWNER_SECRET = "signalbox-database", "signalbox-database-owner"


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


def is_base(rendering: Rendering) -> bool:
    return rendering.name == "base"


def expect(thing: Any, path: str, wanted: Any) -> Faults:
    value = get(thing, path)
    if value != wanted or type(value) is not type(wanted):
        yield f"{path} is {value!r}, not {wanted!r}"


def within(thing: str, faults: Faults) -> Faults:
    yield from (f"{thing}: {fault}" for fault in faults)
