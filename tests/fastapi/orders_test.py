#!/usr/bin/env python3
"""Whether examples/orders answers as the FastAPI application did that it equals.

tests/fastapi/orders_test.py PROGRAM    PROGRAM is the example's, as it was built

Serves with a private PostgreSQL that has the tables and rows of orders.sql, sends the requests of
orders-answers.json in their order, and compares status, headers and body, byte for byte; and the
OpenAPI document, as JSON. What differs has to be listed, and what is listed has to differ.
"""

from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True

HERE = Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("record", str(HERE / "record"))
record = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
LOADER.exec_module(record)


@dataclass(frozen=True)
class Difference:
    """A way in which an answer is another than FastAPI's, on purpose."""

    name: str
    why: str
    requests: list[str]
    """By their names in orders-answers.json."""


DIFFERENCES = [
    Difference(
        "integers have 64 bits",
        "An integer beyond its C++ type is refused with the type's bound; FastAPI passes it on, and"
        " answers 500 when the database's bigint cannot hold it.",
        ["get: an id beyond bigint"],
    ),
    Difference(
        "GET answers HEAD, and Allow has all methods",
        "As HTTP wants it (RFC 9110, sections 9.3.2 and 10.2.1); Starlette's Allow is that of the"
        " first route with the path.",
        [
            *("routes: POST /orders/1", "routes: PUT /orders", "routes: DELETE /orders"),
            *("routes: PUT /orders/1", "routes: POST /summary", "routes: PATCH /orders"),
            "routes: OPTIONS /orders",
        ],
    ),
    Difference(
        "a redirect is relative",
        "So that it is right behind any proxy (RFC 9110, section 10.2.2).",
        ["routes: GET /orders/"],
    ),
    Difference(
        "the content type is that of the content",
        "204, which has no content, has no Content-Type.",
        ["delete: one"],
    ),
]
"""All of them. README.md explains them as well."""

DOCUMENT_DIFFERENCES = {
    "components schemas Summary": "A struct is returned; the application there returns a dict.",
    "paths /summary get responses 200 content application/json schema $ref": "The same.",
    "paths /orders.csv get summary": "`export` is a word of C++, so its function has a longer name.",
    "paths /orders.csv get operationId": "The same.",
    "paths /orders.csv get responses 200 content": "It is no JSON, as FastAPI has it there.",
}
"""Where the OpenAPI document is another one, and why."""


@contextmanager
def serving(program: str, database: Path) -> Iterator[int]:
    """The program until the `with` block ends; gives its port, which the kernel chose."""
    # The tables are there. It does not serve without a migration.
    migrations = tempfile.TemporaryDirectory()
    Path(migrations.name, "20260101000000_none.sql").write_text("-- migrate:up\nSELECT 1;\n-- migrate:down\n")
    process = subprocess.Popen(
        [program, "serve", "--migrate", f"--migrations-dir={migrations.name}"]
        + ["--port=0", "--admin-port=0", "--log-format=json"],
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "DATABASE_URL": f"postgresql://signalbox@/signalbox?host={database}",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    log = []
    port = None
    for line in process.stdout:
        log.append(line)
        if ready := re.search(r"ready: serving on http://[^ ,]+:(\d+)", line):
            port = int(ready[1])
            break
    # It must not wait for somebody to read what else it says.
    reader = threading.Thread(target=lambda: log.extend(process.stdout))
    reader.start()
    try:
        if port is None:
            raise RuntimeError("it does not serve")
        yield port
    except BaseException:
        process.kill()
        reader.join()
        print("".join(log[-50:]), file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(record.TIMEOUT)
        reader.join()
        process.stdout.close()
        migrations.cleanup()


def content(answer: dict[str, Any]) -> str:
    return record.compact(answer["body"]) if "body" in answer else answer["text"]


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What is not the same, a line each; empty when nothing is."""
    pairs = [("status", ours["status"], theirs["status"])]
    for name in record.HEADERS:
        pairs.append((name, ours["headers"].get(name), theirs["headers"].get(name)))
    pairs.append(("body", content(ours), content(theirs)))
    return "".join(
        f"\n  {what}\n    here:    {one}\n    FastAPI: {other}"
        for what, one, other in pairs
        if one != other
    )


def document_differences(ours: Any, theirs: Any, where: str = "") -> dict[str, str]:
    """Of two JSON values: where they differ, and how."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return {
            place: how
            for key in ours | theirs
            for place, how in document_differences(
                ours.get(key), theirs.get(key), f"{where} {key}".strip()
            ).items()
        }
    return {} if ours == theirs else {where: f"here: {ours}, FastAPI: {theirs}"}


class OrdersTest(unittest.TestCase):
    program: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.recorded = json.loads((HERE / "orders-answers.json").read_text())["answers"]
        asked = [one["request"] for one in cls.recorded]
        asked.append({"method": "GET", "path": "/openapi.json", "headers": []})
        record.BUILD.mkdir(parents=True, exist_ok=True)
        with open(record.BUILD / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with record.orders_database() as database, serving(cls.program, database) as port:
                cls.answers = [record.send(port, request) for request in asked]
        cls.document = cls.answers.pop()["body"]

    def test_is_documented_as_by_fastapi_but_for_what_is_listed(self) -> None:
        theirs = json.loads((HERE / "orders-openapi.json").read_text())
        found = document_differences(self.document, theirs)
        self.assertEqual(sorted(found), sorted(DOCUMENT_DIFFERENCES), found)

    def test_answers_as_fastapi_does_but_for_what_is_listed(self) -> None:
        listed: dict[str, str] = {}
        for difference in DIFFERENCES:
            self.assertTrue(difference.requests, difference.name)
            for name in difference.requests:
                self.assertNotIn(name, listed)
                listed[name] = difference.name
        self.assertLessEqual(set(listed), {one["name"] for one in self.recorded})

        equal = 0
        for ours, theirs in zip(self.answers, self.recorded, strict=True):
            name = theirs["name"]
            with self.subTest(name):
                found = differences(ours, theirs)
                equal += not found
                if name in listed:
                    self.assertTrue(found, f'does not differ any more: "{listed[name]}"')
                else:
                    self.assertEqual(found, "")
        print(f"{equal} of {len(self.recorded)} answers are FastAPI's; the others:")
        for difference in DIFFERENCES:
            print(f"{len(difference.requests):4} {difference.name}")


if __name__ == "__main__":
    OrdersTest.program = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
