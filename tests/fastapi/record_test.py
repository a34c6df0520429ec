#!/usr/bin/env python3
"""That what is recorded here belongs together. Nothing is recorded, no FastAPI is needed."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import sys
import unittest
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True

import app_requests
import middleware_requests
import orders_requests

HERE = Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("record", str(HERE / "record"))
record = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
LOADER.exec_module(record)

LEAST = 360
MOST_OF_AN_ENDPOINT = 25  # a multipart body can be wrong in so many ways


class Recorded(unittest.TestCase):
    def check(self, name: str, requests: list[dict]) -> None:
        text = (HERE / name).read_text()
        recorded = json.loads(text)
        sent = [{"name": answer["name"]} | answer["request"] for answer in recorded["answers"]]
        again = "record them anew: tests/fastapi/README.md"
        self.assertEqual([one["name"] for one in requests], [one["name"] for one in sent], again)
        for asked, answered in zip(requests, sent):
            self.assertEqual(asked, answered, again)
        self.assertEqual(
            record.lines_of(recorded["answers"], recorded["versions"]), text, "edited by hand?"
        )

    def test_are_the_answers_to_the_requests_as_they_stand(self):
        self.check("answers.json", app_requests.REQUESTS)
        self.check("orders-answers.json", orders_requests.REQUESTS)
        self.check("middleware-answers.json", middleware_requests.REQUESTS)

    def test_are_answers_of_the_fastapi_that_is_meant(self):
        for name in ["answers.json", "orders-answers.json", "middleware-answers.json"]:
            versions = json.loads((HERE / name).read_text())["versions"]
            self.assertRegex(versions["fastapi"], r"^0\.115\.")
            self.assertRegex(versions["pydantic"], r"^2\.")

    def test_spread_over_the_endpoints_evenly(self):
        endpoints = Counter(one["name"].partition(":")[0] for one in app_requests.REQUESTS)
        self.assertLessEqual(endpoints.most_common(1)[0][1], MOST_OF_AN_ENDPOINT)
        self.assertGreaterEqual(len(app_requests.REQUESTS), LEAST)

    def test_go_to_every_path_of_the_document(self):
        def fits(path: str, template: str) -> bool:
            parts, wanted = path.partition("?")[0].split("/"), template.split("/")
            return len(parts) == len(wanted) and all(
                want.startswith("{") or part == want for part, want in zip(parts, wanted)
            )

        document = json.loads((HERE / "openapi.json").read_text())
        for template, operations in document["paths"].items():
            for method in operations:
                with self.subTest(f"{method.upper()} {template}"):
                    self.assertTrue(
                        any(
                            one["method"] == method.upper() and fits(one["path"], template)
                            for one in app_requests.REQUESTS
                        )
                    )

    def test_have_names_of_their_own(self):
        everything = (app_requests, orders_requests, middleware_requests)
        for requests in (module.REQUESTS for module in everything):
            names = Counter(one["name"] for one in requests)
            self.assertEqual([], [name for name, count in names.items() if count > 1])


class Content(unittest.TestCase):
    def test_is_json_only_if_json_gives_it_back(self):
        for content, expected in [
            (b'{"a":1.0,"b":1e+16,"c":12345678901234567890}', "body"),
            ('{"ü":"\U0001f600"}'.encode(), "body"),
            (b"null", "body"),
            (b'{"a": 1}', "text"),
            (b'{"a":1e16}', "text"),
            (b'{"a":1,"a":2}', "text"),
            (b"Internal Server Error", "text"),
            (b"", "text"),
        ]:
            with self.subTest(content):
                self.assertEqual([expected], list(record.recorded_content(content)))


if __name__ == "__main__":
    unittest.main()
