"""What every `.sql` file keeps to: it parses, deletes nothing, and gives no right away by accident."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pglast import ast as pg
from pglast import parse_sql, parser, scan
from pglast.enums import CmdType, ObjectType
from pglast.visitors import Ancestor, Visitor

from banksman.database.queries import NAME

ROOT = Path(__file__).parents[1]
MIGRATION = ROOT / "database_migrations_v2.sql"
QUERY_FILES = sorted((ROOT / "src").rglob("*.sql"))
OTHER_FILES = [
    *ROOT.glob("*.sql"),
    *(f for d in ("benchmarks", "demo", "scripts", "tests") for f in (ROOT / d).rglob("*.sql")),
]
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sbt]")
DELETING_TEXT = re.compile(
    r"\bdelete\s+from\b|\btruncate\s+(table|only|banksman|%)|\bgrant\b[^;]*\b(delete|truncate|all)\b[^;]*\bto\b",
    re.IGNORECASE,
)


class Rules(Visitor):
    """Collects what a script must not hold, as sentences."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def visit_DeleteStmt(self, _: Ancestor, node: pg.DeleteStmt) -> None:  # noqa: N802 - named by pglast
        self.problems.append("deletes rows")

    def visit_TruncateStmt(self, _: Ancestor, node: pg.TruncateStmt) -> None:  # noqa: N802
        self.problems.append("truncates a table")

    def visit_MergeWhenClause(self, _: Ancestor, node: pg.MergeWhenClause) -> None:  # noqa: N802
        if node.commandType == CmdType.CMD_DELETE:
            self.problems.append("deletes by a merge")

    def visit_Constraint(self, _: Ancestor, node: pg.Constraint) -> None:  # noqa: N802
        if node.fk_del_action == "c":
            self.problems.append(f"deletes by a cascade, constraint {node.conname or 'without a name'}")

    def visit_GrantStmt(self, _: Ancestor, node: pg.GrantStmt) -> None:  # noqa: N802
        of_tables = node.objtype == ObjectType.OBJECT_TABLE
        rights = {right.priv_name for right in node.privileges or ()} or {"all"}
        if node.is_grant and of_tables and rights & {"delete", "truncate", "all"}:
            self.problems.append(f"grants {', '.join(sorted(rights))}")

    def visit_ViewStmt(self, _: Ancestor, node: pg.ViewStmt) -> None:  # noqa: N802
        options = {option.defname: option.arg for option in node.options or ()}
        if getattr(options.get("security_invoker"), "sval", "") not in ("true", "on"):
            self.problems.append(f"view {node.view.relname if node.view else '?'} reads with its owner's rights")

    def visit_CreateFunctionStmt(self, _: Ancestor, node: pg.CreateFunctionStmt) -> None:  # noqa: N802
        name = (node.funcname or ())[-1].sval
        options = [(option.defname, option.arg) for option in node.options or ()]
        definer = any(key == "security" and arg.boolval for key, arg in options)
        if definer and not any(key == "set" and arg.name == "search_path" for key, arg in options):
            self.problems.append(f"function {name} has its owner's rights and the caller's search path")
        self._body(name, [arg[0].sval for key, arg in options if key == "as"])

    def visit_DoStmt(self, _: Ancestor, node: pg.DoStmt) -> None:  # noqa: N802
        self._body("do", [option.arg.sval for option in node.args or () if option.defname == "as"])

    def _body(self, name: str, texts: list[str]) -> None:
        for text in texts:
            for token in scan(text):
                word = text[token.start : token.end + 1]
                dynamic = token.name in ("SCONST", "USCONST") and DELETING_TEXT.search(word)
                if dynamic or token.name in ("DELETE_P", "TRUNCATE"):
                    self.problems.append(f"body of {name}: {word}")


def problems(sql: str) -> list[str]:
    """What is wrong with `sql` (statements, `$1` for parameters); raises ParseError if it does not parse."""
    rules = Rules()
    rules(parse_sql(sql))
    return rules.problems


def queries(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of each named query, psycopg's placeholders as Postgres' own."""
    parts = NAME.split(text)
    for name, query in zip(parts[1::2], parts[2::2], strict=True):
        numbers = count(1)
        yield name, PLACEHOLDER.sub(lambda _, n=numbers: f"${next(n)}", query).replace("%%", "%")


@pytest.mark.parametrize("file", QUERY_FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_named_queries_are_one_statement_each_and_delete_nothing(file: Path) -> None:
    named = list(queries(file.read_text(encoding="utf-8")))
    assert named, f"{file} holds no line -- name: word"
    assert len({name for name, _ in named}) == len(named), "two queries of one name"
    for name, query in named:
        assert len(parse_sql(query)) == 1, name
        assert problems(query) == [], name


@pytest.mark.parametrize("file", OTHER_FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_scripts_parse_and_delete_nothing(file: Path) -> None:
    assert problems(file.read_text(encoding="utf-8")) == []


def test_the_migration_is_one_transaction() -> None:
    kinds = [type(raw.stmt).__name__ for raw in parse_sql(MIGRATION.read_text(encoding="utf-8"))]
    assert (kinds[0], kinds[-1], kinds.count("TransactionStmt")) == ("TransactionStmt", "TransactionStmt", 2)


@pytest.mark.parametrize("file", sorted((ROOT / "src").rglob("*.py")), ids=lambda f: f.relative_to(ROOT).as_posix())
def test_no_text_in_the_sources_deletes(file: Path) -> None:
    constants = (node.value for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Constant))
    assert [text for text in constants if isinstance(text, str) and DELETING_TEXT.search(text)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "delete from banksman.users",
        "with gone as (delete from banksman.users returning 1) select * from gone",
        "truncate banksman.users",
        "merge into a using b on a.id = b.id when matched then delete",
        "create table a (b uuid references c (id) on delete cascade)",
        "grant select, delete on a to b",
        "grant all on all tables in schema a to b",
        "create view a as select 1",
        "create view a with (security_invoker = false) as select 1",
        "create function a() returns int language sql security definer as 'select 1'",
        "create function a() returns int language sql as $$ delete from b returning 1 $$",
        "create function a() returns void language plpgsql as $$ begin truncate b; end $$",
        "do $$ begin execute format('delete from %I', 'b'); end $$",
        "do $$ begin execute format('truncate %I', 'b'); end $$",
        "do $$ begin execute 'grant all on b to c'; end $$",
    ],
)
def test_what_deletes_or_gives_rights_away_is_found(sql: str) -> None:
    assert len(problems(sql)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select 'delete me', deleted from a -- delete from a",
        "revoke delete, truncate on a from b",
        "grant select, insert on a to b",
        "create view a with (security_invoker = true) as select 1",
        "create function a() returns int language sql security definer set search_path = '' as 'select 1'",
        "create function a() returns trigger language plpgsql as $$ begin\n"
        "-- delete from b\nif tg_op = 'DELETE' then raise 'no'; end if; end $$",
        "do $$ begin execute 'revoke all on b from c'; end $$",
    ],
)
def test_what_only_looks_like_it_is_let_through(sql: str) -> None:
    assert problems(sql) == []


def test_a_script_that_does_not_parse_is_refused() -> None:
    with pytest.raises(parser.ParseError):
        problems("select form a where")
