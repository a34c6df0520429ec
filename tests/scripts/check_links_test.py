#!/usr/bin/env python3
"""What scripts/check-links lets pass and what not."""
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-links"


class Links(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "docs").mkdir()
        (self.root / "docs/b.md").write_text("# The `b`, and more\n\n## A [link](../README.md)\n")
        subprocess.run(["git", "init", "-q", self.root], check=True)

    def check(self, line):
        (self.root / "README.md").write_text(f"# Here\n\n{line}\n")
        done = subprocess.run([SCRIPT, self.root], capture_output=True, text=True)
        return done.returncode, done.stdout

    def test_what_is_there_passes(self):
        for link in ("docs/b.md", "docs", "#here", "docs/b.md#the-b-and-more", "docs/b.md#a-link",
                     "https://example.com/none", "mailto:a@example.com"):
            self.assertEqual(self.check(f"[x]({link})"), (0, "check-links: 2 documents link to what is there\n"))

    def test_what_is_not_there_is_named(self):
        for link, fault in (("docs/c.md", "file"), ("#there", "heading"), ("docs/b.md#b", "heading")):
            self.assertEqual(self.check(f"[x]({link})"), (1, f"README.md: {link}: there is no such {fault}\n"))

    def test_code_has_no_links(self):
        self.assertEqual(self.check("```cpp\n[&](x) { f[i](none); }\n```")[0], 0)


if __name__ == "__main__":
    unittest.main()
