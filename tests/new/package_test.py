"""A new service as others make it: with the installed generator, outside of this checkout, against
the installed library.

    package_test.py BUILD    the folder of a build that is complete
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

NAME = "made-by-test"
IDENTIFIER = "made_by_test"
PATIENCE = 120  # seconds, for what takes a few where nothing else runs


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


class Serving:
    """`make run` or `make dev`, in a group of processes of its own, and what it has said."""

    def __init__(self, target: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            ["make", target, "ARGS=--port 0 --admin-port 0 --log-format json --access-log off"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Where this was started in the background, a shell has made it ignore what Ctrl-C sends.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.log = ""
        self.said = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.said:
                self.log += line
                self.said.notify_all()
        with self.said:
            self.ended = True
            self.said.notify_all()

    def wait_for(self, pattern: str, since: int = 0) -> re.Match[str]:
        """Until it has said this behind what were its first `since` characters."""
        with self.said:
            self.said.wait_for(lambda: self.ended or re.search(pattern, self.log[since:]), PATIENCE)
            found = re.search(pattern, self.log[since:])
            if not found:
                raise AssertionError(f"it does not say {pattern!r}:\n{self.log}")
            return found

    def stop(self, number: signal.Signals) -> int:
        """As a terminal does: the whole group. Returns once nothing holds its output any more."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        self.reader.join(PATIENCE)
        if self.reader.is_alive():
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"it does not end:\n{self.log}")
        if self.process.stdout is not None:
            self.process.stdout.close()
        return self.process.wait()


def answer(url: str, body: object = None) -> tuple[int, str]:
    """To a POST of a body as JSON, to a GET without one."""
    asked = urllib.request.Request(url)
    if body is not None:
        asked.data = json.dumps(body).encode()
        asked.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class PackageTest(unittest.TestCase):
    build: Path
    folder: Path
    prefix: Path
    service: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="signalbox-package-")
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = Path(folder.name) / "prefix"
        cls.service = Path(folder.name) / NAME
        # A make that runs this test is not the one that builds the service.
        for variable in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DATABASE_URL", "DATABASE_URL_FILE"):
            os.environ.pop(variable, None)
        os.environ["CMAKE_PREFIX_PATH"] = str(cls.prefix)
        install = ("cmake", "--install", cls.build, "--prefix", cls.prefix)
        run(*install, "--component", "development")
        run(cls.prefix / "bin/signalbox-new", NAME, cls.service)
        cls.addClassCleanup(cls.forget_database)

    @classmethod
    def forget_database(cls) -> None:
        """What scripts/postgres keeps of root's, beside the checkout."""
        for note in Path("/var/lib", NAME.replace("-", "_")).glob("*/checkout"):
            if note.read_text().startswith(f"{cls.service}/"):
                shutil.rmtree(note.parent)

    def serve(self, target: str) -> Serving:
        serving = Serving(target, self.service)
        self.addCleanup(serving.stop, signal.SIGTERM)
        return serving

    def eventually(self, url: str, expected: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while expected not in (got := answer(url)[1]):
            if time.monotonic() > deadline:
                self.fail(f"{url} does not answer {expected!r} but {got!r}")
            time.sleep(0.02)

    @contextlib.contextmanager
    def edited(self, file: str) -> Iterator[tuple[Path, str]]:
        path = self.service / file
        before = path.read_text()
        try:
            yield path, before
        finally:
            path.write_text(before)

    def test_a_new_service_is_built_and_tested_and_answers(self) -> None:
        output = run("make", "test", cwd=self.service)
        passed = re.search(r"100% tests passed, 0 tests failed out of (\d+)", output)
        self.assertIsNotNone(passed, output)
        for part in ("unit", "integration", "source"):
            self.assertRegex(output, rf"(?m)^{part} +=", output)
        cache = (self.service / "build/dev/CMakeCache.txt").read_text()
        self.assertIn(f"signalbox_DIR:PATH={self.prefix}/", cache)

        serving = self.serve("run")
        url = f"{serving.wait_for('ready: serving on (http://[^ ,]+)')[1]}/{NAME}"
        self.assertEqual(answer(url, {"name": "first"})[0], 201)
        status, listed = answer(url)
        self.assertEqual(status, 200)
        self.assertEqual([row["name"] for row in json.loads(listed)], ["first"])
        status = serving.stop(signal.SIGTERM)
        # Which of the group make hears of first is chance; the service has drained in any case.
        self.assertIn('"body":"stopped"', serving.log, f"ended with {status}:\n{serving.log}")
        self.reset()

    def test_what_is_saved_is_served_by_make_dev(self) -> None:
        serving = self.serve("dev")
        serving.wait_for("the new process serves")
        url = f"{serving.wait_for('dev: api on (http://[^ ,]+)')[1]}/{NAME}/{uuid.uuid4()}"
        refusal = "Item not found"
        self.assertIn(refusal, answer(url)[1])
        with self.edited(f"src/{IDENTIFIER}.cpp") as (path, source):
            path.write_text(source.replace(refusal, "edited"))
            self.eventually(url, "edited")

            before = len(serving.log)
            path.write_text(source.replace(refusal, "broken").replace("co_return", "co_retrun"))
            serving.wait_for("THE BUILD FAILED, see above; the process that serves goes on", before)
            self.assertRegex(serving.log[before:], rf"{IDENTIFIER}\.cpp:\d+:\d+: .*error")
            self.assertIn("edited", answer(url)[1])
        self.eventually(url, refusal)

        made = run("make", "-s", "migration", "NAME=add_notes", cwd=self.service).strip()
        self.assertRegex(made, r"^migrations/\d{14}_add_notes\.sql$")
        before = len(serving.log)
        (self.service / made).write_text(
            "-- migrate:up\nCREATE TABLE notes (id int);\n-- migrate:down\nDROP TABLE notes;\n"
        )
        serving.wait_for("the new process serves", before)
        count = ("make", "-s", "psql", "ARGS=-AtXc 'SELECT count(*) FROM notes'")
        self.assertEqual(run(*count, cwd=self.service).strip(), "0")
        with self.assertRaisesRegex(AssertionError, "in use by process"):
            run("make", "-s", "reset", cwd=self.service)

        status = serving.stop(signal.SIGINT)
        self.assertEqual(status, -signal.SIGINT, serving.log)
        self.assertIn('"body":"stopped"', serving.log[-2000:])
        self.assertEqual(self.left_behind(), [])
        self.reset()
        with self.assertRaisesRegex(AssertionError, "notes"):
            run(*count, cwd=self.service)
        (self.service / made).unlink()

    def test_a_coroutine_that_would_be_miscompiled_is_refused(self) -> None:
        run("make", "build", cwd=self.service)
        with self.edited(f"src/{IDENTIFIER}.cpp") as (path, source):
            planted = source.replace(
                "co_await database.execute_one<Item>(",
                "co_await [item](auto& pool, const char* sql, const auto& name) -> Task<Item> {\n"
                "        co_return co_await pool.template execute_one<Item>(sql, name);\n"
                "    }(database, ",
            )
            self.assertNotEqual(planted, source)
            path.write_text(planted)
            line = planted[: planted.index("[item]")].count("\n") + 1
            refusal = rf"{IDENTIFIER}\.cpp:{line}: a lambda that captures by value"
            # It compiles, without a warning.
            with self.assertRaisesRegex(AssertionError, refusal):
                run("make", "test", cwd=self.service)

    def left_behind(self) -> list[str]:
        """Processes that run in the service's folder, or name it."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().decode(errors="replace")
                if os.readlink(process / "cwd").startswith(f"{self.service}") or (
                    f"{self.service}" in command
                ):
                    found.append(command)
        return found

    def reset(self) -> None:
        run("make", "-s", "reset", cwd=self.service)


if __name__ == "__main__":
    PackageTest.build = Path(sys.argv.pop(1)).resolve()
    unittest.main()
