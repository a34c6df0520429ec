"""The program with a PostgreSQL of its own, for tests."""

from __future__ import annotations

import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("@PREFIX@_BINARY", str(ROOT / "build/dev/@name@"))
TIMEOUT = 60


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.text)


def request(
    url: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    """A body is sent as JSON."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, headers or {}, method=method)
    if data is not None:
        asked.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:
            return Answer(answer.status, answer.read().decode(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode(), dict(error.headers))


class Postgres:
    """A server that listens on a Unix socket only, in a folder that goes with it."""

    def __init__(self) -> None:
        found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
        if not found:
            raise RuntimeError("there is no PostgreSQL; apt-get install postgresql")
        self._bin = max(map(Path, found), key=lambda path: int(path.parts[-3])).parent
        # Not below TMPDIR: a socket's path may have 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="@name@-test-", dir="/tmp"))
        # PostgreSQL does not run as root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._data = self._folder / "data"
        try:
            self._run(
                *("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8"),
                *("--locale=C.UTF-8", "--no-sync", f"--pgdata={self._data}"),
            )
            options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
            self._run(
                *("pg_ctl", "start", "--wait", f"--timeout={TIMEOUT}", f"--pgdata={self._data}"),
                *(f"--log={self._folder / 'log'}", f"--options={options}"),
            )
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        self.url = f"postgresql:///postgres?host={self._folder}&user=postgres"

    def _run(self, program: str, *arguments: str) -> None:
        # Into a file, because the server keeps what it inherits open.
        with open(self._folder / "output", "ab+") as output:
            done = subprocess.run(
                [self._bin / program, *arguments],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **self._user,
            )
            if done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read().decode()}")

    def close(self) -> None:
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate", f"--pgdata={self._data}")
        shutil.rmtree(self._folder)


class Service:
    """The program, serving on free ports of 127.0.0.1."""

    def __init__(self, database_url: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "DATABASE_URL": database_url}
        self._process = subprocess.Popen(
            [BINARY, "serve", "--migrate", "--port=0", "--admin-port=0", "--log-format=json"]
            + [f"--migrations-dir={ROOT / 'migrations'}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[str] = []
        self._ready = threading.Event()
        self._addresses: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._ready.wait(TIMEOUT) or not self._addresses:
            self._process.kill()
            self.stop()
            raise RuntimeError("the service did not start:\n" + "".join(self.log))
        self.url, self.admin_url = self._addresses

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log.append(line)
            ready = re.search(r"ready: serving on (http://[^ ,]+), admin on (http://[^ ,\"]+)", line)
            if ready:
                self._addresses = [ready[1], ready[2]]
                self._ready.set()
        self._ready.set()  # its end, which is what there is to be known

    def stop(self) -> int:
        """Drains it, and returns its exit status."""
        self._process.terminate()
        try:
            status = self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status
