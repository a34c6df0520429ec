"""The words that are a service's own, read from its sources, and where the library says one.

Words that anybody may use ("users", "status") count only where they are meant: as a route, in SQL,
in quotes, as a part of an identifier. So a library may have users, but no table of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "signalbox"
"""The library's own name, which the tutorial's service has as well."""

WORDS_OF_SQL = {"current_user"}
"""A function may be named so, and PostgreSQL's scripts have to say it."""

SEARCHED = ("src/signalbox", "observability", "scripts", "cmake", "deploy", "k8s")

OF_THE_SERVICE = (
    "observability/prometheus/services/",
    "observability/prometheus/tests/",
    "k8s/components/monitoring/prometheusrule-service.yaml",  # written from services/
    "scripts/seed.sql",  # its development data
    "scripts/panel-picture",  # a picture of it under load
    "deploy/load/",  # the load of the compose stack
)
"""What stands beside the library and is the service's, as its routes and migrations are."""


@dataclass(frozen=True)
class Word:
    kind: str
    text: str
    read_in: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Mention:
    file: str
    line: int
    word: Word

    def __str__(self) -> str:
        word = self.word
        return f"{self.file}:{self.line}: {word.kind} '{word.text}' of {word.read_in}"


def service_folders(root: Path) -> list[Path]:
    """What is written for one service: the tutorial's, and each example's, but for its tests, which
    expect what the library answers."""
    examples = sorted(path for path in root.glob("examples/*") if path.is_dir())
    return [root / "src/app", root / "migrations", *examples]


def words_of(root: Path) -> list[Word]:
    words: dict[tuple[str, str], Word] = {}
    for folder in service_folders(root):
        for path in sorted(folder.rglob("*")):
            read = _READERS.get(path.suffix)
            passed_over = {"build", "tests"} & set(path.relative_to(root).parts)
            if read is None or passed_over or not path.is_file():
                continue
            read_in = str(path.relative_to(root))
            for kind, text, pattern in read(path.read_text()):
                words.setdefault((kind, text), Word(kind, text, read_in, re.compile(pattern)))
    return list(words.values())


def mentions(root: Path, words: list[Word]) -> Iterator[Mention]:
    for path in searched_files(root):
        file = str(path.relative_to(root))
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(lines, 1):
            for word in words:
                if word.pattern.search(line):
                    yield Mention(file, number, word)


def searched_files(root: Path) -> list[Path]:
    files = [path for folder in SEARCHED for path in sorted((root / folder).rglob("*"))]
    return [
        path
        for path in files
        if path.is_file()
        and "__pycache__" not in path.parts
        and not str(path.relative_to(root)).startswith(OF_THE_SERVICE)
    ]


Found = Iterator[tuple[str, str, str]]


def _words_of_cpp(text: str) -> Found:
    code = re.sub(r"(?m)^\s*#include.*$|//.*$", "", text)
    for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', code):
        if route := re.match(r"/[\w/-]*[\w]", literal):
            yield "the route", route[0], _after_no_word(route[0]) + r"(?![\w-])"
        elif re.fullmatch(r"(?:--)?[A-Za-z]\w*[_-][\w-]*\w", literal):
            if not _is_the_librarys(literal) and not _is_a_field_of_http(literal):
                yield "the name", literal, _as_word(literal)
        elif re.search(r"\w+\W+\w+", literal) and len(literal) > 10:
            yield "the text", literal, re.escape(literal)
        for table in re.findall(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(\w+)", literal):
            yield "the table", table, _as_table(table)
    made_a_route = r"\.\s*(?:get|post|put|patch|del|head|options|stream|task)\w*<\s*([\w:]+)"
    for name in re.findall(made_a_route, code):
        handler = name.split("::")[-1]
        yield "the handler", handler, _as_function(handler)
    for name in re.findall(r"(?m)^(?:async::)?(?:Task|Stream)<.*>\s+(\w+)\(", code):
        if name not in WORDS_OF_SQL:
            yield "the coroutine", name, _as_function(name)
    for secrets in re.findall(r"\bsecret_parameters\s*=\s*\{([^}]*)\}", code):
        for secret in re.findall(r'"([^"]+)"', secrets):
            yield "the secret", secret, _in_quotes(secret)
    for name in re.findall(r'\bApplication\b[^;]*?\.name\s*=\s*"([^"]+)"', code):
        if name != LIBRARY:
            yield "the service", name, _in_quotes(name)


def _words_of_sql(text: str) -> Found:
    code = re.sub(r"--.*$", "", text, flags=re.M)
    made = (
        r"(?is)\bCREATE\s+(?:UNIQUE\s+|OR\s+REPLACE\s+|MATERIALIZED\s+|TEMP\w*\s+)*"
        r"(TABLE|VIEW|TYPE|INDEX|SEQUENCE|FUNCTION)\s+"
        r'(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"?(?:\w+\.)?(\w+)"?'
    )
    for kind, name in re.findall(made, code):
        yield f"the {kind.lower()}", name, _as_table(name)
    for body in re.findall(r"(?is)\bCREATE\s+TABLE\b[^(]*\((.*?)\n\)", code):
        for column in re.findall(r'(?m)^\s+"?([a-z]\w*_\w+)"?\s+[a-z]', body):
            yield "the column", column, _as_word(column)


def _is_the_librarys(literal: str) -> bool:
    return literal.lower().startswith((LIBRARY + "_", LIBRARY + "-"))


def _is_a_field_of_http(literal: str) -> bool:
    """As `Content-Type` is. Those that begin with X are nobody else's."""
    return re.fullmatch(r"(?!X-)[A-Z]+[a-z]*(-[A-Z][a-z]+)+", literal) is not None


def _as_function(name: str) -> str:
    """One of an ordinary word, such as `insert`, only where an endpoint is made of it."""
    return _as_word(name) if "_" in name else rf"[<:]{name}>"


def _as_word(name: str) -> str:
    return rf"(?<![\w-]){re.escape(name)}(?![\w-])"


def _after_no_word(route: str) -> str:
    """A route of one ordinary word is not to be found in the paths of files."""
    telling = re.search(r"[_-]|./", route)
    return ("" if telling else r"(?<![\w.\]*-])") + re.escape(route)


def _in_quotes(name: str) -> str:
    return rf"[\"'`]{re.escape(name)}[\"'`]"


def _as_table(name: str) -> str:
    if "_" in name:
        return _as_word(name)
    word = re.escape(name)
    sql = rf"(?i:\b(?:from|into|update|table|join|view)\s+)\"?(?:\w+\.)?{word}\b"
    part = rf"[A-Za-z0-9]_{word}(?![A-Za-z0-9])|(?<![A-Za-z0-9_]){word}_[A-Za-z]"
    return rf"{sql}|{part}|{_in_quotes(name)}"


_READERS = {".cpp": _words_of_cpp, ".hpp": _words_of_cpp, ".sql": _words_of_sql}
