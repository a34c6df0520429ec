#!/usr/bin/env python3
"""What scripts/check-snippets lets pass and what not."""
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-snippets"
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("check_snippets", str(SCRIPT))
SUBJECT = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
LOADER.exec_module(SUBJECT)

SOURCE = """#include <a>
namespace n {
    // [snippet: one]
    int one() {
        return 1;
    }
    // [/snippet]
// [snippet: open]
}
"""
BLOCK = "int one() {\n    return 1;\n}"


class Snippets(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for folder in ("src", "docs", "tests"):
            (self.root / folder).mkdir()
        (self.root / "src/a.cpp").write_text(SOURCE)
        (self.root / "tests/whole.cpp").write_text(BLOCK + "\n")
        for document in ("README.md", "ARCHITECTURE.md"):
            (self.root / document).write_text("# No code\n\n```sh\nmake\n```\n")

    def check(self, text, *arguments, document="docs/a.md"):
        (self.root / document).write_text(text)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = SUBJECT.main(list(arguments), self.root)
        return status, out.getvalue()

    def block(self, body, source="<!-- snippet: src/a.cpp#one -->", fence="```cpp"):
        return f"Text.\n\n{source}\n{fence}\n{body}\n```\nMore.\n"

    def test_the_same(self):
        self.assertEqual(self.check(self.block(BLOCK))[0], 0)
        self.assertEqual(self.check(self.block("// src/app/a.cpp\n" + BLOCK))[0], 0)
        self.assertEqual(
            self.check(self.block(BLOCK, "<!-- snippet: tests/whole.cpp -->"))[0], 0)
        self.assertEqual(self.check("```sh\nint one()\n```\n```\n#include <a>\n```\n")[0], 0)

    def test_not_the_same(self):
        status, out = self.check(self.block(BLOCK.replace("1", "2")))
        self.assertEqual(status, 1)
        self.assertIn("docs/a.md:4: ", out)
        for body in ("", BLOCK + "\n// more", BLOCK.replace("    ", "  "), "// a comment\n" + BLOCK):
            self.assertEqual(self.check(self.block(body))[0], 1, body)

    def test_every_kind_of_block_and_document(self):
        for fence in ("```cpp", "``` cpp", "```c++", "```cpp title", "```CPP", "````cpp"):
            text = self.block(BLOCK, "", fence).replace("\n```\n", "\n" + "`" * fence.count("`") + "\n")
            self.assertEqual(self.check(text)[0], 1, fence)
        for document in ("README.md", "ARCHITECTURE.md", "docs/b.md"):
            self.assertEqual(self.check(self.block("x", ""), document=document)[0], 1, document)

    def test_a_block_without_a_source_is_no_exception(self):
        for source in ("", "<!-- snippet: src/none.cpp#one -->", "<!-- snippet: src/a.cpp#none -->",
                       "<!-- snippet: src/a.cpp#open -->", "<!-- snippet: README.md -->",
                       "<!-- snippet: src/../README.md -->", "<!-- snippet -->"):
            status, out = self.check(self.block(BLOCK, source))
            self.assertEqual((status, out.count("\n")), (1, 1), source + out)
        self.assertEqual(self.check("```cpp\nint n;\n")[0], 1)
        self.assertEqual(self.check("", "docs/none.md")[0], 1)

    def test_fix_writes_what_the_source_has(self):
        for body in ("old", "// src/app/a.cpp\nold", ""):
            self.check(self.block(body), "--fix")
            text = (self.root / "docs/a.md").read_text()
            title = "// src/app/a.cpp\n" if "app" in body else ""
            self.assertEqual(text, self.block(title + BLOCK))
            self.assertEqual(self.check(text)[0], 0)


if __name__ == "__main__":
    unittest.main()
