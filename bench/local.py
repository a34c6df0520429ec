"""What the benchmarks in Python share: the release binary in front of a private PostgreSQL, and what
the kernel knows of its process. Everything is on this machine and ends with the `with` block."""

import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIGNALBOX = ROOT / "build/release/signalbox"


class Users:
    """A migrated database with so many users, in a PostgreSQL of its own; their names are longer by
    `padding` bytes than they need be."""

    def __init__(self, count, padding=0):
        if not SIGNALBOX.exists():
            raise SystemExit("build it first: make build")
        self.folder = ROOT / ".run/bench"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / "lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit("another benchmark of this checkout is running") from None
        self.count = count
        self.padding = padding

    def __enter__(self):
        self.url = self._postgres("start").strip()
        subprocess.run([SIGNALBOX, "migrate", "--database-url", self.url], check=True,
                       stdout=subprocess.DEVNULL)
        self._postgres("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", f"""
            TRUNCATE users RESTART IDENTITY;
            INSERT INTO users (name, email)
            SELECT 'User ' || i || repeat('x', {self.padding}), 'user' || i || '@example.com'
            FROM generate_series(1, {self.count}) i
            """)
        return self

    def __exit__(self, *_):
        self._postgres("stop")
        self.lock.close()

    def _postgres(self, action, *arguments):
        # In a session of its own, so that Ctrl-C reaches it only through here.
        return subprocess.run([ROOT / "scripts/postgres", action, self.folder, *arguments],
                              check=True, text=True, stdout=subprocess.PIPE, cwd=ROOT,
                              start_new_session=True).stdout


class Service:
    """The binary, serving on free ports. `cat` empties its log, as a container's engine would.
    `under` is a command that runs it, as valgrind does: it has to keep the process id."""

    def __init__(self, database_url, *flags, under=(), binary=SIGNALBOX):
        self.process = subprocess.Popen(
            [*under, binary, "--port", "0", "--admin-port", "0", "--log-format", "json",
             "--database-url", database_url, *flags],
            stdout=subprocess.PIPE, bufsize=0, start_new_session=True)
        output = b""
        while b'"ready: serving on ' not in output or not output.endswith(b"\n"):
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise SystemExit("it did not start: " + output.decode(errors="replace"))
            output += more
        serving, admin = re.search(rb"serving on (http://[^,\"]+), admin on (http://[^,\"]+)",
                                   output).groups()
        self.url = serving.decode()
        self.admin_url = admin.decode()
        self.port = int(self.url.rsplit(":", 1)[1])
        self.log = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL,
                                    start_new_session=True)
        self.process.stdout.close()
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def stop(self):
        """Returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.log.wait()
        return status

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return response.read()

    def admin(self, path):
        with urllib.request.urlopen(self.admin_url + path, timeout=60) as response:
            return response.read().decode()

    def metric(self, name):
        """The sum of all its series."""
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self.admin("/metrics"), re.MULTILINE)
        return sum(map(float, found))

    def in_flight(self, waiting_for):
        """How many requests wait for this: `timer`, `database`, `client`."""
        summary = json.loads(self.admin("/debug/requests?limit=0"))["summary"]
        return sum(kind["count"] for kind in summary if kind["waiting_for"] == waiting_for)

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            # The process's name may hold spaces: what follows its bracket does not.
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident, in bytes, counted page by page: the kernel's other figures lag behind."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            return int(re.search(r"^Rss: +(\d+) kB$", rollup.read(), re.MULTILINE).group(1)) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within a minute")
        time.sleep(0.02)


def mib(size):
    return f"{size / (1 << 20):.1f} MiB"


def small_socket():
    """One that takes little at a time, with the segments of a network: with those of loopback, 64 KB
    each, the kernel would take megabytes of a response that nobody reads."""
    small = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)
    return small
