from __future__ import annotations

import json
import unittest

from support import Postgres, Service, request


class ServiceTest(unittest.TestCase):
    postgres: Postgres
    service: Service

    @classmethod
    def setUpClass(cls) -> None:
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.close)
        cls.service = Service(cls.postgres.url)
        cls.addClassCleanup(cls.service.stop)

    def url(self, path: str = "") -> str:
        return f"{self.service.url}/@name@{path}"

    def created(self) -> float:
        metrics = request(self.service.admin_url + "/metrics").text
        values = [line for line in metrics.splitlines() if line.startswith("@identifier@_created")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in values)

    def test_what_was_created_is_found_and_listed(self) -> None:
        before = self.created()
        made = request(self.url(), "POST", {"name": "café 1"})
        self.assertEqual(made.status, 201, made.text)
        row = made.json()
        self.assertEqual(row["name"], "café 1")

        found = request(self.service.url + made.headers["Location"])
        self.assertEqual((found.status, found.json()), (200, row))
        listed = request(self.url())
        self.assertEqual(listed.status, 200)
        self.assertIn(row, listed.json())

        self.assertEqual(self.created(), before + 1)

    def test_the_log_says_what_was_created_and_for_which_request(self) -> None:
        # What it wrote is complete when it has ended, so it is another one that is asked.
        other = Service(self.postgres.url)
        made = request(f"{other.url}/@name@", "POST", {"name": "logged"})
        self.assertEqual(other.stop(), 0)
        lines = [json.loads(line) for line in other.log if '"created"' in line]
        self.assertEqual([line["request_id"] for line in lines], [made.headers["X-Request-ID"]])

    def test_a_name_that_cannot_be_is_refused_with_the_reason(self) -> None:
        for body in ({}, {"name": ""}, {"name": 201 * "x"}, {"name": "\0"}, {"name": None}):
            with self.subTest(body):
                refused = request(self.url(), "POST", body)
                self.assertEqual(refused.status, 422)
                self.assertEqual(refused.json()["detail"][0]["loc"], ["body", "name"])

    def test_what_is_not_there_is_not_found(self) -> None:
        for id, status in (("0b6c1a52-f0c9-4d4f-8d3d-5a5a9b1e7c42", 404), ("1", 422)):
            with self.subTest(id):
                self.assertEqual(request(self.url("/" + id)).status, status)

    def test_its_document_names_its_routes(self) -> None:
        document = request(self.service.url + "/openapi.json").json()
        self.assertEqual(set(document["paths"]), {"/@name@", "/@name@/{id}"})


if __name__ == "__main__":
    unittest.main()
