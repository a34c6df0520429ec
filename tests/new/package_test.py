"""A new service as others make it: with the installed generator, outside of this checkout, against
the installed library.

    package_test.py BUILD    the folder of a build that is complete
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

NAME = "made-by-test"


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class PackageTest(unittest.TestCase):
    build: Path

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="signalbox-package-")
        self.addCleanup(folder.cleanup)
        self.prefix = Path(folder.name) / "prefix"
        self.service = Path(folder.name) / NAME
        # A make that runs this test is not the one that builds the service.
        for variable in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DATABASE_URL", "DATABASE_URL_FILE"):
            os.environ.pop(variable, None)
        os.environ["CMAKE_PREFIX_PATH"] = str(self.prefix)

    def forget_database(self) -> None:
        """What scripts/postgres keeps of root's, beside the checkout."""
        for note in Path("/var/lib", NAME.replace("-", "_")).glob("*/checkout"):
            if note.read_text().startswith(f"{self.service}/"):
                shutil.rmtree(note.parent)

    def test_a_new_service_is_built_and_tested_and_answers(self) -> None:
        install = ("cmake", "--install", self.build, "--prefix", self.prefix)
        run(*install, "--component", "development")
        run(self.prefix / "bin/signalbox-new", NAME, self.service)

        output = run("make", "test", cwd=self.service)
        passed = re.search(r"100% tests passed, 0 tests failed out of (\d+)", output)
        self.assertIsNotNone(passed, output)
        for part in ("unit", "integration"):
            self.assertRegex(output, rf"(?m)^{part} +=", output)
        cache = (self.service / "build/dev/CMakeCache.txt").read_text()
        self.assertIn(f"signalbox_DIR:PATH={self.prefix}/", cache)

        self.addCleanup(self.forget_database)
        serving = subprocess.Popen(
            ["make", "run", "ARGS=--port 0 --admin-port 0 --log-format json"],
            cwd=self.service,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert serving.stdout is not None
        self.addCleanup(serving.stdout.close)
        log = ""
        try:
            for line in serving.stdout:
                log += line
                if ready := re.search(r"ready: serving on (http://[^ ,]+)", line):
                    url = f"{ready[1]}/{NAME}"
                    break
            else:
                self.fail(f"it did not start:\n{log}")
            made = urllib.request.Request(f"{url}?name=first", method="POST")
            with urllib.request.urlopen(made, timeout=60) as answer:
                self.assertEqual(answer.status, 201)
            with urllib.request.urlopen(url, timeout=60) as answer:
                self.assertEqual([row["name"] for row in json.load(answer)], ["first"])
        finally:
            os.killpg(serving.pid, signal.SIGTERM)
            log += serving.stdout.read()
            status = serving.wait()
        # Which of the group make hears of first is chance; the service has drained in any case.
        self.assertIn('"body":"stopped"', log, f"ended with {status}:\n{log}")


if __name__ == "__main__":
    PackageTest.build = Path(sys.argv.pop(1)).resolve()
    unittest.main()
