"""Each kind of word, planted in a library; and what only looks like one."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from words import mentions, words_of

SERVICE = {
    "src/app/main.cpp": """
#include "app/tasks.hpp"
int main(int argc, char** argv) {
    Application app({.name = "harbour", .secret_parameters = {"berth"}});
    app.get<ships::get_ships>("/ships");  // "/commented"
    app.post<dock_ship>("/ships/{id}/docking");
    app.del<ships::undock>("/ships/{id}/docking", {{"Retry-After", "X-Tide-Level"}});
    app.settings("--harbour-depth", "HARBOUR_DEPTH");
}
""",
    "src/app/tasks.hpp": """
async::Task<http::Response> slow_tide(http::Request&);
""",
    "src/app/tasks.cpp": """
async::Task<http::Response> slow_tide(http::Request&) {
    co_return http::json({{"message", "The tide is in!"}});
}
""",
    "migrations/1_create.sql": """
-- CREATE TABLE commented_out (x int);
CREATE TABLE IF NOT EXISTS ships (
    id bigint PRIMARY KEY,
    mooring_line text NOT NULL
);
CREATE UNIQUE INDEX ships_by_name ON ships (name);
""",
    "examples/orders/src/orders.cpp": """
Task<Json> list_parcels(Database& database) { return database.all("SELECT * FROM parcels"); }
""",
    "examples/orders/tests/unit/orders_test.cpp": """
TEST(orders, are_refused) { EXPECT_EQ(error["type"], "greater_than_equal"); }
""",
    "examples/orders/migrations/1.sql": "CREATE TABLE parcels (\n    id bigint\n);\n",
}

PLANTED = {
    "the route of one word": "buckets for /ships and others",
    "a route in a rule": "http_route: /ships",
    "the route of several": "see http://127.0.0.1:8000/ships/3 and /ships/{id}",
    "the handler": "void f() { get_ships(); }",
    "the handler of another route": "as dock_ship does",
    "the handler of an ordinary word": "post<undock>",
    "a header of the service's own": '"X-Tide-Level"',
    "the coroutine": "// slow_tide waits",
    "the text": 'constexpr auto x = "The tide is in!";',
    "the secret": 'secret_names{"sig", "berth"}',
    "the service": 'job: "harbour"',
    "the setting": "getenv(\"HARBOUR_DEPTH\")",
    "the flag": "see --harbour-depth",
    "the table in SQL": "SELECT count(*) from ships",
    "the table in quotes": "`SELECT`, `ships`",
    "the table in a name": "1_create_ships.sql",
    "the index": "ships_by_name",
    "the column": "r.mooring_line",
    "a handler of an example": "list_parcels",
    "a table of an example": "INSERT INTO parcels",
}

INNOCENT = """
// All ships that pass, from many harbours. The berth of a process. A tide of requests.
#include "signalbox/fleet/ships.hpp"
observability/ships and */ships/
metrics.counter("id", "name");
relationships from shipside; parcels_; "commented"
double docking = 0;
commented_out
signalbox_state
list.undock(1); response.header("Retry-After"); {"type", "greater_than_equal"}
"""


class Words(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        for file, text in SERVICE.items():
            self.write(file, text)

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self) -> list[str]:
        return [f"{m.file}:{m.line}" for m in mentions(self.root, words_of(self.root))]

    def test_each_is_found_in_its_line(self) -> None:
        for what, line in PLANTED.items():
            for file in ("src/signalbox/db/pool.hpp", "observability/prometheus/rules/a.yml"):
                with self.subTest(what, file=file):
                    self.write(file, f"\n{line}\n")
                    self.assertIn(f"{file}:2", self.found())
                    (self.root / file).unlink()

    def test_what_only_looks_like_one_is_not(self) -> None:
        self.write("src/signalbox/db/pool.hpp", INNOCENT)
        self.assertEqual(self.found(), [])

    def test_the_services_own_files_may_say_them(self) -> None:
        everything = "\n".join(PLANTED.values())
        own = "observability/prometheus/services/harbour.yml"
        for file in (own, "README.md", "tests/a_test.cpp"):
            self.write(file, everything)
        self.assertEqual(self.found(), [])

    def test_a_service_without_words_has_none(self) -> None:
        self.write("src/signalbox/a.hpp", "\n".join(PLANTED.values()))
        for file in SERVICE:
            (self.root / file).unlink()
        self.assertEqual(words_of(self.root), [])
        self.assertEqual(self.found(), [])


if __name__ == "__main__":
    unittest.main()
