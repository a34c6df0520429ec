"""Checks what kustomize rendered: its structure, and the rules.

python3 k8s/check RENDERED.yaml...                 names of the files: base, local, production
python3 k8s/check --schema SCHEMA RENDERED.yaml...  the structure as well
python3 k8s/check --self-test [-v] RENDERED.yaml... shows that the rules notice what is wrong
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import rules
import self_test
from manifests import Project, Rendering, name_of
from schema import Schema


def check(renderings: list[Rendering], project: Project, schema: Schema) -> int:
    count = 0
    for rendering in renderings:
        found = [
            f"{name_of(thing)}: {fault}"
            for thing in rendering.objects
            for fault in schema.faults(thing)
        ]
        found += [f"{rule}: {fault}" for rule, fault in rules.faults(rendering, project)]
        for line in found:
            print(f"{rendering.name}: {line}", file=sys.stderr)
        count += len(found)
        number = len(rendering.objects)
        print(f"{rendering.name}: {number} objects, {len(found)} faults", flush=True)
    return count


def main() -> int:
    arguments = argparse.ArgumentParser(prog="check-k8s")
    arguments.add_argument("--schema", type=Path)
    arguments.add_argument("--self-test", action="store_true")
    arguments.add_argument("-v", "--verbose", action="store_true")
    arguments.add_argument("files", type=Path, nargs="+", metavar="RENDERED.yaml")
    options = arguments.parse_args()

    project = Project.read(Path(__file__).resolve().parents[2])
    renderings = [Rendering.read(file) for file in options.files]
    if options.self_test:
        return self_test.run(renderings, project, Schema(options.schema), options.verbose)
    return 1 if check(renderings, project, Schema(options.schema)) else 0


if __name__ == "__main__":
    sys.exit(main())
