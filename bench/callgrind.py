"""What a request costs a service in instructions and calls, counted by valgrind's callgrind."""
import collections
import os
import pathlib
import re
import socket
import statistics
import sys
import time

import local

ROUNDS = 3

# A request is sent on each connection, then the answers are read, `requests` of them in all.
Scenario = collections.namedtuple(
    "Scenario", "name path connections requests most_over_last most_mutexes_more body",
    defaults=(1.01, 0.25, None))

# Calls of these functions. operator new is not among them: it calls malloc.
CALLS = {"allocations": {"malloc", "calloc", "realloc", "aligned_alloc", "memalign",
                         "posix_memalign"},
         "mutexes": {"pthread_mutex_lock", "pthread_mutex_trylock"},
         "recv": {"recv", "recvfrom", "recvmsg", "read", "readv", "signalbox::http::receive"},
         "sendmsg": {"sendmsg", "send", "sendto", "write", "writev",
                     "signalbox::http::send_message"},
         "epoll_wait": {"epoll_wait", "epoll_pwait", "epoll_pwait2"},
         "epoll_ctl": {"epoll_ctl"}}
COLUMN = {function: column for column, functions in CALLS.items() for function in functions}



def read_profile(path):
    """The instructions and the calls, by column, that callgrind counted in the whole run."""
    total = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as profile:
        for line in profile:
            if line.startswith("cfn="):
                # pthread_mutex_lock@@GLIBC_2.2.5, and libc's second name for one of its own
                # and the parameters of ours
                name = re.sub(r"^(__GI_|__libc_|__)|@.*|\(.*", "", line[4:].strip())
                called = COLUMN.get(name)
            elif line.startswith("calls=") and called:
                total[called] += int(line[6:].split()[0])
            elif line.startswith("totals:"):
                total["instructions"] = int(line.split()[1])
    for column in ("instructions", *CALLS):
        if not total[column]:
            sys.exit(f"{path} has no {column}: the functions may have other names on this system")
    return total


def wait_for_rest(service):
    """Until no thread runs. Whether the service still ends a request when the next one comes would
    else decide who has to be woken, and so what that one costs."""
    deadline = time.monotonic() + 60
    tasks = pathlib.Path(f"/proc/{service.pid}/task")
    while any(task.joinpath("stat").read_bytes().rsplit(b")", 1)[1].split()[0] != b"S"
              for task in tasks.iterdir()):
        if time.monotonic() > deadline:
            sys.exit("the service is never at rest")
        os.sched_yield()


def read_answer(client):
    answer = b""
    while True:
        more = client.recv(65536)
        if not more:
            sys.exit(f"the connection was closed after {answer!r}")
        answer += more
        head, end, body = answer.partition(b"\r\n\r\n")
        if end and len(body) >= int(re.search(rb"Content-Length: (\d+)", head).group(1)):
            break
    if not re.match(rb"HTTP/1.1 20[01] ", head):
        sys.exit(f"a request was answered with {answer!r}")


def request_bytes(scenario, port):
    head = (f"Host: 127.0.0.1:{port}\r\nUser-Agent: wrk\r\nConnection: keep-alive\r\n")
    if scenario.body is None:
        return f"GET {scenario.path} HTTP/1.1\r\n{head}\r\n".encode()
    return (f"POST {scenario.path} HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
            f"Content-Length: {len(scenario.body)}\r\n\r\n").encode() + scenario.body


def run(users, scenario, requests, seconds, flags, binary):
    """What a run with so many requests cost, and how long it served; at least that many seconds."""
    profile = users.folder / "callgrind.out"
    profile.unlink(missing_ok=True)
    # As a batch process on the one processor that is also the client's, the service does not run
    # before the client waits, so it finds all of a batch. Its threads take turns in order.
    under = ["chrt", "--batch", "0", "valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes",
             "--compress-strings=no", "--compress-pos=no", f"--callgrind-out-file={profile}"]
    with local.Service(users.url, *flags, under=under, binary=binary) as service:
        began = time.monotonic()
        request = request_bytes(scenario, service.port)
        clients = [socket.create_connection(("127.0.0.1", service.port), timeout=60)
                   for _ in range(scenario.connections)]
        for _ in range(requests // scenario.connections):
            wait_for_rest(service)
            for client in clients:
                client.sendall(request)
            for client in clients:
                read_answer(client)
        time.sleep(max(0, began + seconds - time.monotonic()))
        for client in clients:
            client.close()
        served = time.monotonic() - began
        if service.stop() != 0:
            sys.exit("SIGTERM did not end it with status 0")
    return read_profile(profile), served


def measure(users, scenario, flags, binary=local.SIGNALBOX):
    """What a request costs."""
    differences = []
    for _ in range(ROUNDS):
        # Both serve equally long, so that what timers do in that time cancels out.
        twice, seconds = run(users, scenario, 2 * scenario.requests, 0, flags, binary)
        once, _ = run(users, scenario, scenario.requests, seconds, flags, binary)
        differences.append({column: (twice[column] - once[column]) / scenario.requests
                            for column in ("instructions", *CALLS)})
    cost = {column: statistics.median(difference[column] for difference in differences)
            for column in ("instructions", *CALLS)}
    return {column: round(value) if column == "instructions" else round(value, 2) + 0.0
            for column, value in cost.items()}
