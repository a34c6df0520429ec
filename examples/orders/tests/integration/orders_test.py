from __future__ import annotations

import gzip
import unittest
import urllib.request

from support import Postgres, Service, request

CREDENTIALS = {"Authorization": "Bearer secret"}


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
        return f"{self.service.url}/orders{path}"

    def order(self, reference: str) -> dict:
        return {
            "reference": reference,
            "customer": "Zoë",
            "email": "zoe@example.com",
            "items": [{"sku": "A-1", "price": 9.5}],
        }

    def test_what_was_created_is_found_listed_changed_and_deleted(self) -> None:
        made = request(self.url(), "POST", self.order("café 1"), CREDENTIALS)
        self.assertEqual(made.status, 201, made.text)
        row = made.json()
        self.assertEqual((row["reference"], row["customer"]), ("café 1", "Zoë"))

        url = self.service.url + made.headers["Location"]
        found = request(url)
        self.assertEqual((found.status, found.json()), (200, row))
        listed = request(self.url("?limit=100"))
        self.assertEqual(listed.status, 200)
        self.assertIn(row, listed.json())
        self.assertEqual(int(listed.headers["X-Total-Count"]), len(listed.json()))

        changed = request(url, "PATCH", {"status": "paid"}, CREDENTIALS)
        self.assertEqual((changed.status, changed.json()), (200, row | {"status": "paid"}))
        self.assertEqual(request(url, "DELETE", headers=CREDENTIALS).status, 204)
        self.assertEqual(request(url).status, 404)

    def test_a_reference_that_exists_is_refused(self) -> None:
        made = request(self.url(), "POST", self.order("twice"), CREDENTIALS)
        self.assertEqual(made.status, 201, made.text)
        again = request(self.url(), "POST", self.order("twice"), CREDENTIALS)
        self.assertEqual(again.status, 409, again.text)

    def test_an_order_that_cannot_be_is_refused_with_what_is_wrong(self) -> None:
        refused = request(self.url(), "POST", self.order("") | {"items": []}, CREDENTIALS)
        self.assertEqual(refused.status, 422)
        places = [error["loc"] for error in refused.json()["detail"]]
        self.assertEqual(places, [["body", "reference"], ["body", "items"]])

    def test_who_writes_needs_the_token(self) -> None:
        for headers, status in (({}, 403), ({"Authorization": "Bearer guess"}, 401)):
            with self.subTest(headers):
                refused = request(self.url(), "POST", self.order("R-1"), headers)
                self.assertEqual(refused.status, status)

    def test_its_document_names_its_routes(self) -> None:
        document = request(self.service.url + "/openapi.json").json()
        self.assertEqual(
            set(document["paths"]),
            {"/orders", "/orders/{order_id}", "/orders.csv", "/summary", "/upstream"},
        )

    def test_a_page_of_the_shop_may_read_the_answers_and_no_other(self) -> None:
        origin = {"Origin": "http://localhost:3000"}
        preflight = request(
            self.url(),
            "OPTIONS",
            headers=origin
            | {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        self.assertEqual(preflight.status, 200, preflight.text)
        for path, status in (("?limit=1", 200), ("/0", 404), ("/x", 422)):
            with self.subTest(path):
                answer = request(self.url(path), headers=origin)
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["Access-Control-Allow-Origin"], origin["Origin"])
                other = request(self.url(path), headers={"Origin": "http://other.example"})
                self.assertNotIn("Access-Control-Allow-Origin", other.headers)

    def test_a_long_answer_is_compressed_for_who_takes_it(self) -> None:
        url = f"{self.service.url}/openapi.json"
        plain = request(url)
        packed = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(packed, timeout=60) as answer:
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
            self.assertEqual(gzip.decompress(answer.read()).decode(), plain.text)


if __name__ == "__main__":
    unittest.main()
