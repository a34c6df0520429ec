"""compare.py PROGRAM DBMATE URL: see tests/dbmate/compare."""

import pathlib
import subprocess
import sys
import tempfile

UP, DOWN = b"-- migrate:up\n", b"-- migrate:down\n"
TABLE = b"CREATE TABLE a (id int);\n"

# What both have to do the same with.
SAME = {
    "plain": UP + TABLE + DOWN + b"DROP TABLE a;\n",
    "no line feed at the end": UP + TABLE + b"-- migrate:down",
    "carriage returns": b"-- migrate:up\r\nCREATE TABLE a (id int);\r\n-- migrate:down\r\n",
    "no blank": b"--migrate:up\n" + TABLE + b"--migrate:down\n",
    "many blanks": b"--  \t migrate:up \t\n" + TABLE + b"--\tmigrate:down \n",
    "comments in front": b"-- a\n\n  -- b\n" + UP + TABLE + DOWN,
    "a comment of C in front": b"/* a */\n" + UP + TABLE + DOWN,
    "a statement in front": b"SELECT 1;\n" + UP + TABLE + DOWN,
    "a down in front": DOWN + UP + TABLE + DOWN,
    "a down with a statement in front": DOWN + TABLE + UP + TABLE + DOWN,
    "only a down in front": DOWN + UP + TABLE,
    "no up": TABLE + DOWN,
    "no down": UP + TABLE,
    "nothing": b"",
    "two ups with one down": UP + TABLE + UP + b"CREATE TABLE b ();\n" + DOWN,
    "two downs": UP + TABLE + DOWN + b"SELECT 1;\n" + DOWN,
    "indented marker": b" -- migrate:up\n" + TABLE + DOWN,
    "capitals": b"-- MIGRATE:UP\n" + TABLE + DOWN,
    "a longer word": b"-- migrate:upwards\n" + TABLE + DOWN,
    "a vertical tab": b"-- migrate:up\v\n" + TABLE + DOWN,
    "a form feed": b"-- migrate:up\f\n" + TABLE + DOWN,
    "words behind the markers": b"-- migrate:up now\n" + TABLE + b"-- migrate:down later\n",
    "options behind the markers": b"-- migrate:up a:b transaction:true\n" + TABLE + b"-- migrate:down c:d\n",
    "a marker in a string": UP + b"CREATE TABLE a AS SELECT '\n-- migrate:down\n';\n" + DOWN,
    "an error": UP + TABLE + b"CREATE TABLE b (id nope);\n" + DOWN,
    "an index in a transaction": UP + TABLE + b"CREATE INDEX CONCURRENTLY ON a (id);\n" + DOWN,
    "no transaction": b"-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "no transaction among options": b"-- migrate:up a:b transaction:false c\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "no transaction, with a carriage return": b"-- migrate:up transaction:false\r\nCREATE INDEX CONCURRENTLY made ON there (id);\r\n" + DOWN,
    "the last option counts": b"-- migrate:up transaction:false transaction:true\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "the last option counts, too": b"-- migrate:up transaction:true transaction:false\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "a blank within the option": b"-- migrate:up transaction: false\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "two colons": b"-- migrate:up transaction:false:1\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "FALSE": b"-- migrate:up transaction:FALSE\nCREATE INDEX CONCURRENTLY made ON there (id);\n" + DOWN,
    "the option of the down part": UP + b"CREATE INDEX CONCURRENTLY made ON there (id);\n-- migrate:down transaction:false\n",
    "several statements without a transaction": b"-- migrate:up transaction:false\n" + TABLE
    + b"CREATE TABLE b (id int);\n" + DOWN,
    "the second of them fails": b"-- migrate:up transaction:false\n" + TABLE + b"CREATE TABLE b (id nope);\n" + DOWN,
    "one of them concurrently": b"-- migrate:up transaction:false\n" + TABLE
    + b"CREATE INDEX CONCURRENTLY ON a (id);\n" + DOWN,
    "a NUL byte": UP + TABLE + b"\0CREATE TABLE b (id int);\n" + DOWN,
    "UTF-16": (UP + TABLE + DOWN).decode().encode("utf-16"),
    "a body with semicolons": UP + b"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$;\n"
    + TABLE + DOWN,
}

# dbmate applies all sections of a file, but records it behind each: the second record breaks the
# primary key. It gets a table without one, as if that were mended.
SECTIONS = {
    "two sections": UP + TABLE + DOWN + UP + b"CREATE TABLE b (id int);\n" + DOWN,
    "each with its transaction": UP + b"CREATE TYPE c AS ENUM ('x');\n" + DOWN + UP
    + b"ALTER TYPE c ADD VALUE 'y';\n" + DOWN + UP + b"CREATE TABLE a AS SELECT 'y'::c AS c;\n" + DOWN,
    "one without a transaction": UP + TABLE + DOWN + b"-- migrate:up transaction:false\n"
    b"CREATE INDEX CONCURRENTLY a_id ON a (id);\n" + DOWN + UP + b"CREATE TABLE b (id int);\n" + DOWN,
    "the second without a down": UP + TABLE + DOWN + UP + b"CREATE TABLE b (id int);\n",
    "the second with two downs": UP + TABLE + DOWN + UP + b"CREATE TABLE b (id int);\n" + DOWN + DOWN,
}

# What we do otherwise, and why: what dbmate does with it, and what we do.
DIFFERENT = {
    # Made to be written later. Recorded, it would never be applied.
    "nothing to do": (UP + DOWN, "applied", "refused"),
    # Editors leave one, and psql passes over it.
    "a byte order mark": (b"\xef\xbb\xbf" + UP + TABLE + DOWN, "refused", "applied"),
    "a byte order mark and a comment": (b"\xef\xbb\xbf-- a\n" + UP + TABLE + DOWN, "refused", "applied"),
}

SCHEMA = """SELECT coalesce(string_agg(concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid::regtype), ', '
ORDER BY c.relname, a.attnum), '') FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'schema_migrations%'"""


class Comparison:
    def __init__(self, program, dbmate, url):
        self.program, self.dbmate, self.url = program, dbmate, url
        self.faults = 0

    def run(self, *command):
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=60)

    def sql(self, text):
        done = self.run("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c",
                        "SET client_min_messages = warning; " + text)
        if done.returncode != 0:
            raise RuntimeError(done.stdout)
        return done.stdout.strip()

    def outcome(self, content, command, without_key=False):
        """What became of it: applied or refused, the schema and the record."""
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE there (id int)")
        if without_key:
            self.sql("CREATE TABLE schema_migrations (version varchar)")
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "1_a.sql").write_bytes(content)
            done = self.run(*command(folder))
        recorded = self.sql("SELECT to_regclass('schema_migrations')") != ""
        record = self.sql("SELECT string_agg(DISTINCT version, ' ') FROM schema_migrations") if recorded else ""
        return ("applied" if done.returncode == 0 else "refused", self.sql(SCHEMA), record), done.stdout

    def by_dbmate(self, content, without_key=False):
        return self.outcome(content, lambda folder: (
            self.dbmate, "--no-dump-schema", "--url", self.url, "-d", folder, "migrate"), without_key)

    def by_us(self, content):
        return self.outcome(content, lambda folder: (
            self.program, "migrate", "--database-url", self.url, "--migrations-dir", folder))

    def expect(self, name, holds, theirs, ours):
        if holds:
            return
        self.faults += 1
        for who, (outcome, said) in (("dbmate", theirs), ("we", ours)):
            print(f"{name}: {who}: {outcome}\n{said}", file=sys.stderr)

    def compare(self):
        for name, content in SAME.items():
            theirs, ours = self.by_dbmate(content), self.by_us(content)
            self.expect(name, theirs[0] == ours[0], theirs, ours)
        for name, content in SECTIONS.items():
            theirs, ours = self.by_dbmate(content, without_key=True), self.by_us(content)
            self.expect(name, theirs[0] == ours[0], theirs, ours)
        for name, (content, by_dbmate, by_us) in DIFFERENT.items():
            theirs, ours = self.by_dbmate(content), self.by_us(content)
            self.expect(name, (theirs[0][0], ours[0][0]) == (by_dbmate, by_us), theirs, ours)
        count = len(SAME) + len(SECTIONS) + len(DIFFERENT)
        print(f"{count} files compared with dbmate, {self.faults} faults")
        return self.faults == 0


if __name__ == "__main__":
    sys.exit(0 if Comparison(*sys.argv[1:]).compare() else 1)
