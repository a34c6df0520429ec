"""Looks for what is the service's in the library, and in what ships with it.

python3 tests/words              complains with file and line
python3 tests/words --words      says which words it looks for
"""

from __future__ import annotations

import sys
from pathlib import Path

from words import mentions, words_of


def main(arguments: list[str]) -> int:
    root = Path(__file__).resolve().parents[2]
    words = words_of(root)
    if arguments == ["--words"]:
        for word in words:
            print(f"{word.kind} '{word.text}' of {word.read_in}")
        return 0
    if arguments:
        print("usage: tests/words [--words]", file=sys.stderr)
        return 2
    # A service has these. When none is found, it is the reading of it that is broken.
    for kind in ("the route", "the handler", "the table"):
        if not any(word.kind == kind for word in words):
            print(f"words: found nothing in src/app and migrations that is {kind}", file=sys.stderr)
            return 1
    found = list(mentions(root, words))
    for mention in found:
        print(f"{mention}: the library knows no service", file=sys.stderr)
    print(f"words: {len(words)} words of services, {len(found)} mentions in the library")
    return 1 if found else 0


sys.exit(main(sys.argv[1:]))
