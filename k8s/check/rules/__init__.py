"""What has to be true of the manifests beyond their structure. `self_test.py` shows of each rule
that it notices what it is there for."""

from __future__ import annotations

from collections.abc import Iterator

from manifests import Project, Rendering
from rules import lifecycle, monitoring, network, overlays, passwords, pods, wiring
from rules.registry import RULES

__all__ = ["RULES", "faults"]

# Importing them is what fills RULES.
_ = (pods, lifecycle, wiring, passwords, network, monitoring, overlays)


def faults(rendering: Rendering, project: Project) -> Iterator[tuple[str, str]]:
    """All that is wrong: the rule's name, and what it says."""
    for check in RULES:
        for fault in check(rendering, project):
            yield check.__name__, fault
