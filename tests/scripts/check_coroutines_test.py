#!/usr/bin/env python3
"""What scripts/check-coroutines finds, and what it does not take for a mistake."""
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import types
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-coroutines"
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("check_coroutines", str(SCRIPT))
SUBJECT = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
LOADER.exec_module(SUBJECT)
CLASSES = """
struct Options { std::string isolation; int retries = 0; };
struct Built { explicit Built(std::string text); std::string text; };
class Hidden { std::string text; };
template <class T> struct Pair { T first; T second; };
"""


def check(*sources, arguments=()):
    with tempfile.TemporaryDirectory() as folder:
        for number, source in enumerate(sources):
            (pathlib.Path(folder) / f"{number}.cpp").write_text(source)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = SUBJECT.main(list(arguments) or [folder])
        return types.SimpleNamespace(
            returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


def coroutine(body):
    return f"{CLASSES}\nnamespace a::b {{\nTask<int> f(Pool& pool) const {{\n{body}\n}}\n}}\n"


LINE_OF_BODY = len(CLASSES.splitlines()) + 4

FOUND = {
    "a capture by value": "co_await call([x] { return x; });",
    "a capture that is moved": "co_await call([p = std::move(p)]() mutable { use(p); });",
    "all by value": "co_await call([=] { return x; });",
    "a copy of the object": "co_await call([*this] {});",
    "one of several captures": "co_await call([&, this, x] {});",
    "a lambda beside the co_await": "use([x] {}, co_await g());",
    "a lambda in a call in a call": "auto r = co_await all(g(std::function<void()>([x] {})), h());",
    "a lambda with a template head": "co_await call([x]<class T>(T) {});",
    "a lambda that is called at once": "co_await [x]() -> Task<> { co_return; }();",
    "a co_await in a capture": "auto l = [p = P(), q = co_await g()] {};",
    "in what is returned": "co_return co_await call([x] {});",
    "in a lambda that is a coroutine": "spawn([&]() -> Task<> { co_await call([x] {}); });",
    "in a range": "for (auto r : co_await call([x] {})) use(r);",
    "in the first part of an if": "if (auto n = co_await call([x] {}); n == 0) g();",
    "behind a raw string": 'auto s = R"x(")x"; co_await call([x] {});',
    "behind a number with separators": "const int n = 1'000; co_await call([x] {});",
    "an aggregate": 'co_await transaction(Options{"serializable"});',
    "an aggregate with parentheses": 'co_await transaction(Options("serializable", 1));',
    "an aggregate by its names": 'co_await transaction({.isolation = "serializable"});',
    "braces alone": "co_await call({x, y});",
    "an empty aggregate": "co_await transaction(Options{});",
    "an aggregate that is a template": "co_await call(Pair<std::string>{x, y});",
    "a type that is not known": "co_await call(other::Thing{x});",
    "std::array": "co_await call(std::array<std::string, 2>{x, y});",
    "an aggregate beside the co_await": "use(Options{x}, co_await g());",
    "an aggregate that is declared": "Options o{x, co_await g()};",
    "an aggregate that is assigned": "auto o = Options{x, co_await g()};",
    "an aggregate that is returned": "co_return Options{x, co_await g()};",
    "an aggregate within one that is none": "co_await call(std::vector<Options>(1, Options{x}));",
    "an aggregate in a conditional expression": "use(x ? co_await g(Options{x}) : 0);",
    "if": "if (co_await g() == 0) throw X();",
    "if with a block": "if (!(co_await g())) { h(); }",
    "if constexpr's brother with a first part": "if (h(); co_await g()) return;",
    "while": "while (co_await g() != 0) h();",
    "do": "do { h(); } while (co_await g());",
    "for": "for (int i = 0; i < co_await g(); ++i) h();",
    "the end of for": "for (;; co_await g()) h();",
    "switch": "switch (co_await g()) { case 0: h(); }",
    "if that assigns": "if (n = co_await g()) h();",
    "if within a block within a loop": "for (int i = 0; i < 3; ++i) { if (co_await g()) h(); }",
}

FINE = {
    "a capture by reference": "co_await call([&] { return x; });",
    "captures by reference, by name": "co_await call([&x, &y = z, this] { return x; });",
    "no capture": "co_await call([](int a) { return a; });",
    "a lambda that has a name": "auto l = [x] { return x; };\nco_await call(l);",
    "a coroutine lambda that has a name": "auto l = [x]() -> Task<> { co_await g(x); };\nco_await l();",
    "what is spawned keeps its captures": "spawn([x]() -> Task<> { co_await g(x); });",
    "captures without any co_await": "std::sort(a, b, [x](int m, int n) { return m + x < n; });",
    "a subscript": "co_await g(values[x], (values)[x], f(x)[y]);",
    "structured binding": "auto [a, b] = co_await g();\nconst auto& [c, d] = co_await g();",
    "an attribute": "[[maybe_unused]] auto n = co_await g();",
    "a class with a constructor": "co_await call(Built{x});",
    "a class that hides its members": "co_await call(Hidden{});",
    "a string": 'co_await call(std::string{"x"}, std::vector<std::string>{x, y});',
    "a vector that is declared": "std::vector<int> v{1, co_await g()};",
    "an aggregate that has a name": "const Options o{x};\nco_await call(o);",
    "an aggregate that is made behind it": "const auto n = co_await g();\nuse(Options{n});",
    "a result that has a name": "const auto n = co_await g();\nif (n == 0) throw X();",
    "a result that is declared there": "if (auto n = co_await g(); n == 0) throw X();",
    "a result that is the condition": "if (const auto n = co_await g()) throw X();",
    "a range": "for (const auto& row : co_await g()) use(row);",
    "co_await behind the condition": "if (n == 0) co_await g();",
    "co_await in a block behind it": "if (n == 0) { co_await g(); } else { co_await h(); }",
    "co_await in a block behind the while": "while (n) { co_await g(); }",
    "a comment": "// if (co_await g()) [x] {}\n/* co_await call(Options{}); */ g();",
    "a string that looks like code": 's = "co_await call([x] {})";',
    "a raw string that looks like code": 's = R"(co_await call([x] {}) "))" R"a(if (co_await x))a";',
    "a character that looks like a bracket": "g('{', '\\'', '\"'); co_await g('(');",
    "a switch": "switch (n) { case 0: { co_await g(); break; } default: {} }",
    "a lambda in a loop without co_await": "for (auto x : {1, 2}) run([x] { use(x); });",
    "a local class": "struct L { int a{0}; L() : a{1} {} };\nco_await g();",
    "try": "try { co_await g(); } catch (const X& e) { use(Options{e}); }",
}


class Findings(unittest.TestCase):
    def test_found(self):
        for name, body in FOUND.items():
            with self.subTest(name):
                result = check(coroutine(body))
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(f"0.cpp:{LINE_OF_BODY}: ", result.stdout)
                self.assertEqual(result.stdout.count("\n"), 1, result.stdout)

    def test_fine(self):
        for name, body in FINE.items():
            with self.subTest(name):
                result = check(coroutine(body))
                self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def test_line(self):
        result = check(coroutine("g();\n\n/* two\nlines */\nco_await call(\n    h(),\n    [x] {});"))
        self.assertIn(f"0.cpp:{LINE_OF_BODY + 6}: ", result.stdout)

    def test_a_class_of_another_file_is_known(self):
        use = "Task<> f() { co_await g(Thing(x)); }"
        self.assertEqual(check(use).returncode, 0)
        self.assertEqual(check(use, "struct Thing { std::string text; };").returncode, 1)
        braces = "Task<> f() { co_await g(Thing{x}); }"
        self.assertEqual(check(braces).returncode, 1)
        constructed = "namespace n { struct Thing { Thing(std::string text); }; }"
        self.assertEqual(check(braces, constructed).returncode, 0)

    def test_constructors_and_functions_are_taken_for_what_they_are(self):
        for source in (
            "A::A(int n) : a_(n), b_{n} { }\nTask<> f() { co_await g(); }",
            "A::A(int n) : b_{n}, c_(n) { }\nTask<> f() { co_await g(); }",
            "auto f() const& noexcept -> Task<std::vector<int>> { co_await g(); }",
            "template <class T> requires(T::x) struct B : C<T> { Task<> f() { co_await g(); } };",
            "template <class T> concept D = requires(T t) { { t.x() } -> std::same_as<int>; };\n"
            "Task<> f() { co_await g(); }",
            "template <auto f, class R> struct F<f, R (*)(int)> { Task<> f() { co_await g(); } };",
            "enum class E : int { a, b };\nTask<> f() override { co_await g(); }",
            'extern "C" { Task<> f() { co_await g(); } }',
            "#define F(x) { if (co_await x) \\\n  [y] {} \nTask<> f() { co_await g(); }",
        ):
            with self.subTest(source):
                result = check(source)
                self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
                inside = source.replace("co_await g()", "co_await g([x] {})")
                if inside != source:
                    self.assertEqual(check(inside).returncode, 1, inside)

    def test_a_file_that_the_compiler_is_to_refuse_is_passed_over(self):
        wrong = "Task<> f() { co_await g([x] {}); }"
        self.assertEqual(check("// error: that it is wrong\n" + wrong).returncode, 0)
        self.assertEqual(check("\n// error: that it is wrong\n" + wrong).returncode, 1)

    def test_what_cannot_be_read_is_not_passed_over(self):
        for source in ("void f() {", "void f() }", "void f() { (] }", 's = "no end\n;'):
            with self.subTest(source):
                self.assertEqual(check(source).returncode, 2)
        self.assertEqual(check(arguments=["/nonexistent"]).returncode, 2)
        with tempfile.TemporaryDirectory() as empty:
            self.assertEqual(check(arguments=[empty]).returncode, 2)


if __name__ == "__main__":
    unittest.main()
