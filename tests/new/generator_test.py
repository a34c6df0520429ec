"""The generator of services by itself: nothing is compiled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "scripts/new"

MAY_SAY_SIGNALBOX = re.compile(
    r'#include "signalbox/'
    r"|\bsignalbox::(signalbox\b)?|\busing namespace signalbox;"
    r"|\bfind_package\(signalbox\b"
    r"|\bSIGNALBOX_[A-Z]+|`SIGNALBOX_`"
    r"|\bsignalbox_[a-z]+|\^signalbox_"
    r"|\bsignalbox-dev\b"
)
"""Includes, target and package, variables, metrics, a command. Roles and the database are no metrics."""


def new(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", GENERATOR, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


class GeneratorTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def make(self, name: str) -> Path:
        made = self.folder / name
        done = new(name, str(made))
        self.assertEqual(done.returncode, 0, done.stderr)
        return made

    def test_each_place_has_the_form_of_the_name_that_it_needs(self) -> None:
        service = self.make("my-orders2")
        for file, texts in {
            "CMakeLists.txt": ["project(my-orders2 ", "MY_ORDERS2_TESTS"],
            "src/main.cpp": ['.name = "my-orders2"', '.title = "My Orders2"'],
            "src/my_orders2.cpp": ["namespace my_orders2 {", "FROM my_orders2 ", '"/my-orders2"'],
            "src/my_orders2.hpp": ["namespace my_orders2 {"],
            "migrations/20260101000000_create_my_orders2.sql": ["CREATE TABLE my_orders2 ("],
            "k8s/overlays/local/namespace.yaml": ["name: my-orders2\n"],
            "k8s/overlays/local/kustomization.yaml": [
                "url=postgresql://my_orders2_app:local-only-app@my-orders2-postgres/my_orders2\n"
            ],
            "k8s/base/deployment.yaml": ["image: my-orders2\n", "value: /run/secrets/my-orders2/"],
            "deploy/make-secrets": ["@postgres:5432/my_orders2'"],
            "deploy/postgres/initdb.d/10-roles.sh": [
                "CREATE DATABASE my_orders2'",
                "MY_ORDERS2_APP_PASSWORD_FILE",
            ],
            "docker-compose.yml": ["MY_ORDERS2_APP_PASSWORD_FILE:", "--dbname=my_orders2"],
            "observability/prometheus/services/my-orders2.yml": ["job: my-orders2\n"],
            "scripts/postgres": ["postgresql:///my_orders2?", "CREATE ROLE my_orders2 LOGIN"],
            "README.md": ["# My Orders2\n"],
        }.items():
            text = (service / file).read_text()
            for expected in texts:
                with self.subTest(file=file, text=expected):
                    self.assertIn(expected, text)
        json.loads((service / "CMakePresets.json").read_text())
        json.loads((service / "observability/grafana/dashboards/my-orders2.json").read_text())

    def test_nothing_is_left_to_be_filled_in_and_the_library_is_named_only_where_it_is_used(
        self,
    ) -> None:
        service = self.make("my-orders")
        for path in sorted(path for path in service.rglob("*") if path.is_file()):
            relative = path.relative_to(service)
            self.assertNotRegex(str(relative), "(?i)signalbox|@")
            for number, line in enumerate(path.read_text().splitlines(), 1):
                with self.subTest(f"{relative}:{number}"):
                    self.assertNotRegex(line, "@[a-zA-Z]+@")
                    self.assertNotRegex(line, r"signalbox_(owner|app)\b|/signalbox\b(?!/)")
                    self.assertNotRegex(MAY_SAY_SIGNALBOX.sub("", line), "(?i)signalbox")

    def test_what_is_a_program_can_be_run(self) -> None:
        service = self.make("orders")
        for path in service.rglob("*"):
            if path.is_file():
                program = path.read_bytes().startswith(b"#!")
                self.assertEqual(os.access(path, os.X_OK), program, path)

    def test_kubernetes_gets_the_rules_that_prometheus_gets(self) -> None:
        service = self.make("orders")
        observability = service / "observability/prometheus"
        rules = [*observability.glob("rules/*.yml"), observability / "services/orders.yml"]
        self.assertGreaterEqual(len(rules), 3)
        objects = sorted((service / "k8s/components").glob("*/prometheusrule-*.yaml"))
        specs = ["".join(o.read_text().partition("spec:\n")[2:]) for o in objects]
        expected = [re.sub(r"(?m)^(?=.)", "  ", file.read_text()) for file in rules]
        self.assertEqual(sorted(specs), sorted(expected))
        for path in objects:
            listed = (path.parent / "kustomization.yaml").read_text()
            self.assertIn(f"  - {path.name}\n", listed)

    def test_a_name_that_cannot_be_is_refused_with_its_reason(self) -> None:
        target = self.folder / "service"
        for name, reason in {
            "": "NAME is empty",
            "Orders": "lower-case letters, digits and single dashes, and begins with a letter:"
            " 'orders'?",
            "my_orders": ": 'my-orders'?",
            "my--orders": ": 'my-orders'?",
            "-orders": ": 'orders'?",
            "2nd-orders": ": 'nd-orders'?",
            "../orders": ": 'orders'?",
            "orders\n": ": 'orders'?",
            "börse": "lower-case letters",
            "42": "lower-case letters",
            "a" * 41: "40 is the most",
            "class": "keyword of C++",
            "co-await": "keyword of C++",
            "order": "reserved word of SQL",
            "current-user": "reserved word of SQL",
            "signalbox": "is taken",
            "std": "is taken",
            "time": "is taken",
            "postgres": "is taken",
            "test": "is taken",
            "no": "is taken",
            "pg-stat": "is taken",
        }.items():
            with self.subTest(name):
                done = new(name, str(target))
                self.assertEqual(done.returncode, 2)
                self.assertIn(reason, done.stderr)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_is_in_the_way_stays_as_it_is(self) -> None:
        full = self.folder / "full"
        full.mkdir()
        (full / "note").write_text("mine")
        file = self.folder / "file"
        file.write_text("mine")
        before = sorted(self.folder.rglob("*"))
        for target, reason in {
            full: "is not empty; nothing was written",
            file: "is no folder",
            self.folder / "not/there": "there is no folder",
        }.items():
            done = new("orders", str(target))
            self.assertEqual(done.returncode, 2)
            self.assertIn(reason, done.stderr)
            self.assertEqual(sorted(self.folder.rglob("*")), before)

    def test_a_folder_may_be_there_when_it_is_empty_and_is_named_from_where_one_is(self) -> None:
        (self.folder / "empty").mkdir()
        self.assertEqual(new("orders", "empty", cwd=self.folder).returncode, 0)
        self.assertTrue((self.folder / "empty/src/orders.cpp").is_file())
        self.assertEqual([path.name for path in self.folder.iterdir()], ["empty"])

    def test_usage(self) -> None:
        for arguments in ([], ["orders"], ["orders", "a", "b"]):
            done = new(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage: scripts/new NAME DIR", done.stderr)

    def test_the_example_is_what_is_generated_today_but_for_what_has_grown_beyond(self) -> None:
        lines = (ROOT / "examples/orders.grown").read_text().splitlines()
        grown = [line for line in lines if not line.startswith("#")]
        done = new("--check", "orders", "examples/orders", *grown)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_change_of_the_example_is_noticed_unless_it_is_listed(self) -> None:
        service = self.make("orders")
        (service / "src/orders.cpp").write_text("")
        (service / "src/extra.cpp").write_text("")
        (service / "README.md").unlink()
        done = new("--check", "orders", str(service))
        self.assertEqual(done.returncode, 1)
        for fault in ("src/orders.cpp differs", "src/extra.cpp is in no", "README.md is missing"):
            self.assertIn(fault, done.stderr)
        own = ["src/orders.cpp", "src/extra.cpp"]
        done = new("--check", "orders", str(service), *own, "README.md")
        self.assertIn("README.md is listed as the service's own, and is not there", done.stderr)
        self.assertEqual(new("--update", "orders", str(service), *own).returncode, 0)
        done = new("--check", "orders", str(service), *own)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((service / "src/orders.cpp").read_text(), "")


if __name__ == "__main__":
    unittest.main()
