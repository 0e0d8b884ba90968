"""Who may do what: read from the catalogue, and tried out as each role against rows of two people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.running import load_crew, until

from banksman.database.pool import Database

OURS = ("banksman_app", "banksman_user", "banksman_staff", "banksman_system")
# Projects, tasks and the like: a person's by membership. The clock is nobody's and the same for all.
SHARED = {"projects", "tasks", "documents", "media", "listening_clock"}
GIVEN: dict[str, dict[str, object]] = {"messages": {"direction": "in", "status": "received"}}
NOT_FOR_USERS = {"schema_versions", "message_statuses", "webhook_events", "webhook_rejects"}


@pytest.fixture
def owner(urls: tuple[str, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(urls[0], autocommit=True) as connection:
        yield connection


@pytest.fixture
def app(urls: tuple[str, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(urls[1], autocommit=True) as connection:
        yield connection


def tables(owner: psycopg.Connection) -> list[str]:
    query = "select tablename from pg_tables where schemaname = 'banksman' order by 1"
    return [row[0] for row in owner.execute(query)]


@contextmanager
def acting(app: psycopg.Connection, claims: str | None, role: str = "banksman_user") -> Iterator[psycopg.Connection]:
    """A transaction as `role` with these claims, rolled back."""
    with app.transaction(force_rollback=True):
        app.execute("select set_config('role', %s, true)", [role])
        if claims is not None:
            app.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        yield app


def claims_of(person: object) -> str:
    return json.dumps({"sub": str(person)})


# The catalogue


def test_every_table_has_forced_row_level_security_and_a_policy(owner: psycopg.Connection) -> None:
    query = """
        select c.relname, c.relrowsecurity, c.relforcerowsecurity, exists (select from pg_policy where polrelid = c.oid)
          from pg_class c where c.relnamespace = 'banksman'::regnamespace and c.relkind in ('r', 'p')"""
    found = owner.execute(query).fetchall()
    assert len(found) > 15
    assert [row for row in found if row[1:] != (True, True, True)] == []


def test_no_role_of_the_service_can_get_past_row_level_security(owner: psycopg.Connection) -> None:
    query = """
        select rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
               exists (select from pg_class where relowner = r.oid)
               or exists (select from pg_namespace where nspowner = r.oid)
          from pg_roles r where rolname = any (%s) order by 1"""
    found = owner.execute(query, [list(OURS)]).fetchall()
    assert found == [(name, name == "banksman_app", *[False] * 6) for name in sorted(OURS)]
    assert owner.execute("select rolinherit from pg_roles where rolname = 'banksman_app'").fetchone() == (False,)
    members = "select roleid::regrole::text from pg_auth_members where member = 'banksman_app'::regrole order by 1"
    assert [row[0] for row in owner.execute(members)] == sorted(OURS[1:])
    above = "select member::regrole::text from pg_auth_members where roleid = 'banksman_app'::regrole"
    assert [row for row in owner.execute(above) if row[0] in OURS] == []


def test_nobody_may_delete_or_truncate(owner: psycopg.Connection) -> None:
    query = """
        select c.relname, coalesce(a.grantee::regrole::text, 'public'), a.privilege_type
          from pg_class c, aclexplode(c.relacl) a
         where c.relnamespace = 'banksman'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
           and a.grantee <> c.relowner
           and (a.privilege_type not in ('SELECT', 'INSERT', 'UPDATE') or a.is_grantable or a.grantee = 0)"""
    assert owner.execute(query).fetchall() == []
    powers = """
        select r, c.relname from unnest(%s::text[]) r, pg_class c
         where c.relnamespace = 'banksman'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
           and has_table_privilege(r, c.oid, 'delete, truncate, references, trigger')"""
    assert owner.execute(powers, [list(OURS)]).fetchall() == []


def test_the_sign_in_role_and_the_public_hold_nothing(owner: psycopg.Connection) -> None:
    query = """
        select 'function', p.oid::regprocedure::text from pg_proc p
         where p.pronamespace = 'banksman'::regnamespace
           and (p.proacl is null or has_function_privilege('banksman_app', p.oid, 'execute')
                or exists (select from aclexplode(p.proacl) where grantee = 0))
        union all
        select 'relation', c.oid::regclass::text from pg_class c, aclexplode(c.relacl) a
         where c.relnamespace = 'banksman'::regnamespace and a.grantee in (0, 'banksman_app'::regrole)
        union all
        select 'schema', 'banksman' where has_schema_privilege('banksman_app', 'banksman', 'usage, create')"""
    assert owner.execute(query).fetchall() == []


def test_nothing_is_granted_to_a_role_of_somebody_else(owner: psycopg.Connection) -> None:
    query = """
        select distinct a.grantee::regrole::text from (
            select relacl as acl, relowner as owner from pg_class where relnamespace = 'banksman'::regnamespace
            union all select proacl, proowner from pg_proc where pronamespace = 'banksman'::regnamespace
            union all select nspacl, nspowner from pg_namespace where nspname = 'banksman'
            union all select attacl, 0 from pg_attribute a join pg_class c on c.oid = attrelid
                       where relnamespace = 'banksman'::regnamespace) x, aclexplode(acl) a
         where a.grantee <> x.owner"""
    grantees = {row[0] for row in owner.execute(query)}
    assert {"banksman_user", "banksman_staff", "banksman_system"} <= grantees
    assert [name for name in grantees if not name.startswith("banksman_") or name == "banksman_app"] == []


def test_functions_have_a_fixed_search_path_and_definers_a_harmless_owner(owner: psycopg.Connection) -> None:
    query = """
        select p.oid::regprocedure::text, p.prosecdef, coalesce(array_to_string(p.proconfig, ' '), ''),
               r.rolcanlogin or r.rolsuper or r.rolbypassrls
          from pg_proc p join pg_roles r on r.oid = p.proowner where p.pronamespace = 'banksman'::regnamespace"""
    found = owner.execute(query).fetchall()
    assert len(found) > 10
    assert [name for name, _, settings, _ in found if 'search_path=""' not in settings] == []
    assert [name for name, definer, _, powerful in found if definer and powerful] == []


def test_views_read_with_the_rights_of_who_asks(owner: psycopg.Connection) -> None:
    query = """
        select relname from pg_class where relnamespace = 'banksman'::regnamespace and relkind in ('v', 'm')
           and (relkind = 'm'
                or not coalesce(reloptions, '{}') && array['security_invoker=true', 'security_invoker=on'])"""
    assert owner.execute(query).fetchall() == []


def test_every_foreign_key_has_an_index_that_begins_with_its_columns(owner: psycopg.Connection) -> None:
    query = """
        select c.conrelid::regclass::text, c.conname from pg_constraint c
         where c.contype = 'f' and c.connamespace = 'banksman'::regnamespace and not exists (
               select from pg_index i where i.indrelid = c.conrelid and i.indisvalid
                  and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey and i.indpred is null)"""
    partial = {"banksman.project_members"}  # the primary key begins with project_id, a partial one with user_id
    assert [row for row in owner.execute(query).fetchall() if row[0] not in partial] == []


def test_policies_ask_once_a_query_who_the_person_is(owner: psycopg.Connection) -> None:
    query = "select tablename, policyname, roles::text, coalesce(qual, '') || coalesce(with_check, '')"
    found = owner.execute(query + " from pg_policies where schemaname = 'banksman'").fetchall()
    bare = [row for row in found if row[3].count("user_id()") != row[3].count("SELECT banksman.user_id() AS user_id")]
    assert bare == []
    of_users = [row for row in found if "banksman_user" in row[2]]
    assert len(of_users) > 10
    assert [row[0] for row in of_users if row[3] in ("true", "truetrue") or "user_id" not in row[3]] == []


# Behaviour


@pytest.fixture
def people(urls: tuple[str, str], owner: psycopg.Connection, tmp_path: Path) -> dict[str, UUID]:
    """Ana and Clo, who share no project, with rows of both in every table."""
    plans = tmp_path / "plans"
    plans.mkdir()
    (plans / "a.png").write_bytes(b"\x89PNG\r\n\x1a\na")
    (plans / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nc")
    crew = {
        "users": [{"ref": "ana", "wa_id": "33600000001", "name": "Ana"},
                  {"ref": "clo", "wa_id": "33600000003", "name": "Clo"}],
        "projects": [{"ref": "mill", "name": "Mill", "members": ["ana"]},
                     {"ref": "tower", "name": "Tower", "members": ["clo"]}],
        "tasks": [{"ref": "tile", "project": "mill", "title": "Tile", "assignees": ["ana"]},
                  {"ref": "vault", "project": "tower", "title": "Vault", "assignees": ["clo"]}],
        "documents": [{"project": "mill", "kind": "plan", "title": "A", "file": "plans/a.png"},
                      {"project": "tower", "task": "vault", "kind": "plan", "title": "C", "file": "plans/c.png"}],
    }  # fmt: skip
    load_crew(urls[0], tmp_path, crew)
    people = {row[0]: row[1] for row in owner.execute("select external_ref, id from banksman.users")}
    project_of = {"ana": "mill", "clo": "tower"}
    for ref, person in people.items():
        fill(owner, person, project_of[ref])
    owner.execute("select banksman.tick_listening_clock()")
    return people


def fill(owner: psycopg.Connection, person: UUID, project: str) -> None:
    """A row of the person in each table that has none yet, from the catalogue: also in tables that come later."""
    waiting = [name for name in tables(owner) if name not in NOT_FOR_USERS | SHARED | {"users"}]
    for _ in range(len(waiting)):  # those that others refer to come first
        waiting = [name for name in waiting if not filled(owner, name, person, project)]
        if not waiting:
            return
    raise AssertionError(f"no row could be made in {waiting}")


def filled(owner: psycopg.Connection, table: str, person: UUID, project: str) -> bool:
    """Whether a row of the person is there, or could be made."""
    columns = owner.execute(
        "select a.attname, format_type(a.atttypid, null), f.confrelid::regclass::text,"
        " (select pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = a.attrelid and k.contype = 'c'"
        "     and a.attnum = any (k.conkey) limit 1)"
        " from pg_attribute a left join pg_constraint f on f.conrelid = a.attrelid and f.contype = 'f'"
        "     and f.conkey = array[a.attnum]"
        " where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attidentity = ''"
        "   and (a.attname = 'user_id' or (a.attnotnull and not a.atthasdef))",
        [f"banksman.{table}"],
    ).fetchall()
    if "user_id" not in [row[0] for row in columns]:
        return True
    name = sql.Identifier("banksman", table)
    if owner.execute(sql.SQL("select from {} where user_id = %s").format(name), [person]).rowcount:
        return True
    values = {
        column: person if column == "user_id" else value(owner, kind, refers_to, check, person, project)
        for column, kind, refers_to, check in columns
    } | GIVEN.get(table, {})
    insert = sql.SQL("insert into {} ({}) values ({})").format(
        name, sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(sql.Placeholder() for _ in values)
    )
    try:
        owner.execute(insert, list(values.values()))
    except psycopg.errors.IntegrityError:
        return False
    return True


def value(
    owner: psycopg.Connection, kind: str, refers_to: str | None, check: str | None, person: UUID, project: str
) -> object:
    """Something that fits a column, of the person where it refers to a row."""
    if refers_to == "banksman.users":
        return person
    if refers_to == "banksman.projects":
        row = owner.execute("select id from banksman.projects where external_ref = %s", [project]).fetchone()
    elif refers_to == "banksman.tasks":
        query = "select t.id from banksman.tasks t join banksman.projects p on p.id = t.project_id"
        query += " where p.external_ref = %s"
        row = owner.execute(query, [project]).fetchone()
    elif refers_to:
        query = sql.SQL("select id from {} where user_id = %s limit 1").format(sql.Identifier(*refers_to.split(".")))
        row = owner.execute(query, [person]).fetchone()
    else:
        words = [word for word in (check or "").split("'")[1::2] if word.isidentifier()]
        simple = {
            "uuid": uuid4(),
            "jsonb": Jsonb({}),
            "text": words[0] if words else "T1",
            "bytea": b"x",
            "boolean": True,
        }
        return simple.get(kind, "2026-01-01" if kind.startswith(("timestamp", "date")) else 1)
    return row[0] if row else None


def visible(app: psycopg.Connection, table: str) -> list[dict[str, object]]:
    """All rows that show, without any filter; none where the table is not for this role."""
    try:
        with app.transaction():
            cursor = app.execute(sql.SQL("select * from {}").format(sql.Identifier("banksman", table)))
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]
    except psycopg.errors.InsufficientPrivilege:
        return []


def test_a_person_sees_not_one_row_of_another_without_any_filter(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID]
) -> None:
    seen: dict[str, dict[str, Sequence[dict[str, object]]]] = {}
    for ref, person in people.items():
        with acting(app, claims_of(person)):
            seen[ref] = {table: visible(app, table) for table in tables(owner)}
    for table in tables(owner):
        ana, clo = (seen[ref][table] for ref in ("ana", "clo"))
        if table in NOT_FOR_USERS:
            assert (ana, clo) == ([], []), table
            continue
        assert ana, f"{table} shows Ana nothing of her own"
        assert clo, f"{table} shows Clo nothing of her own"
        if table == "listening_clock":
            continue
        assert {str(row) for row in ana} & {str(row) for row in clo} == set(), table
        for ref, rows in (("ana", ana), ("clo", clo)):
            owners = {row["id" if table == "users" else "user_id"] for row in rows if table not in SHARED}
            assert owners <= {people[ref]}, table


@pytest.mark.parametrize(
    "claims",
    [None, "", "{}", "null", "[]", '"x"', "no json", '{"sub": null}', '{"sub": ""}', '{"sub": "x"}',
     '{"sub": {"a": 1}}',
     '{"sub": ["00000000-0000-0000-0000-000000000000"]}', claims_of(UUID(int=7))],
)  # fmt: skip
def test_claims_that_name_nobody_show_nothing_and_write_nothing(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID], claims: str | None
) -> None:
    with acting(app, claims):
        assert {table: rows for table in tables(owner) if (rows := visible(app, table))} == {}
        assert app.execute("update banksman.users set language = 'xx'").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("insert into banksman.conversation_sessions (user_id) values (%s)", [people["ana"]])


def writable(owner: psycopg.Connection, privilege: str) -> dict[str, list[str]]:
    """The columns that banksman_user may insert or update, by table."""
    query = """
        select c.relname, array_agg(a.attname::text) from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'banksman'::regnamespace and c.relkind = 'r' and a.attnum > 0
           and has_column_privilege('banksman_user', c.oid, a.attnum, %s) group by 1"""
    return dict(owner.execute(query, [privilege]).fetchall())


def test_a_person_updates_no_row_of_another(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID]
) -> None:
    updatable = writable(owner, "update")
    assert {"messages", "turns", "conversations"} <= set(updatable)
    for table, columns in updatable.items():
        name, column = sql.Identifier("banksman", table), sql.Identifier(columns[0])
        with acting(app, claims_of(people["ana"])):
            found = app.execute(sql.SQL("update {} set {} = {}").format(name, column, column))
            mine = len(visible(app, table))
            assert found.rowcount <= mine, table
        key = sql.SQL("id" if table == "users" else "user_id")
        with acting(app, claims_of(people["ana"])):
            of_clo = sql.SQL("update {} set {} = {} where {} = %s").format(name, column, column, key)
            if table not in SHARED:
                assert app.execute(of_clo, [people["clo"]]).rowcount == 0, table


def test_nobody_gives_a_row_to_another_or_takes_it(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID]
) -> None:
    assert [table for table, columns in writable(owner, "update").items() if {"id", "user_id"} & set(columns)] == []
    insertable = writable(owner, "insert")
    assert {"messages", "turns", "handoffs"} <= set(insertable)
    for table, columns in insertable.items():
        assert "user_id" in columns, table
        with acting(app, claims_of(people["clo"])):
            template = {name: value for name, value in visible(app, table)[0].items() if name in columns}
        values = {**template, **({"id": uuid4()} if "id" in template else {})}
        values = {name: Jsonb(value) if isinstance(value, dict | list) else value for name, value in values.items()}
        insert = sql.SQL("insert into {} ({}) values ({}) on conflict do nothing").format(
            sql.Identifier("banksman", table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() for _ in values),
        )
        with acting(app, claims_of(people["ana"])), pytest.raises(psycopg.errors.InsufficientPrivilege, match="policy"):
            app.execute(insert, list(values.values()))


def test_who_is_no_longer_a_member_loses_the_site_at_once(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID]
) -> None:
    gone = ("projects", "tasks", "documents", "media", "project_members", "task_assignees")
    with acting(app, claims_of(people["ana"])):
        assert all(visible(app, table) for table in gone)
    owner.execute("update banksman.media set user_id = null")
    owner.execute("update banksman.project_members set ended_at = now() where user_id = %s", [people["ana"]])
    with acting(app, claims_of(people["ana"])):
        assert {table: rows for table in gone if (rows := visible(app, table))} == {}
    with acting(app, claims_of(people["clo"])):
        assert all(visible(app, table) for table in gone)


def test_the_sign_in_role_by_itself_can_do_nothing(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID]
) -> None:
    app.execute("select set_config('request.jwt.claims', %s, false)", [claims_of(people["ana"])])
    for table in tables(owner):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(sql.SQL("select from {}").format(sql.Identifier("banksman", table)))
    for statement in ("select banksman.user_id()", "create table banksman.x ()", "set role postgres"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement.encode())


def test_staff_read_and_write_nothing_that_is_not_granted(
    owner: psycopg.Connection, app: psycopg.Connection, people: dict[str, UUID]
) -> None:
    with acting(app, None, "banksman_staff"):
        assert len(visible(app, "users")) == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute("update banksman.users set wa_id = null")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute(b"delete from banksman.users")


# The pool


async def test_role_and_claims_do_not_stay_on_a_connection(
    urls: tuple[str, str], owner: psycopg.Connection, people: dict[str, UUID]
) -> None:
    async def under_way() -> bool:
        sleeping = "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
        return owner.execute(sleeping).rowcount > 0

    async with Database(urls[1], max_size=2) as database:

        async def plain() -> tuple[object, ...] | None:
            async with database.as_system().pool.connection() as connection:
                query = "select current_user::text as u, nullif(current_setting('request.jwt.claims', true), '') as c"
                row = await (await connection.execute(query)).fetchone()
                return tuple(row.values()) if row else None

        mine = database.as_user(people["ana"])
        assert [row["id"] for row in await mine.fetch("select id from banksman.users")] == [people["ana"]]
        assert await plain() == ("banksman_app", None)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await mine.fetch("select 1 / 0")
        assert [await plain() for _ in range(4)] == [("banksman_app", None)] * 4
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with mine.transaction() as connection:
                await connection.execute("select 1 / 0")
        assert [await plain() for _ in range(4)] == [("banksman_app", None)] * 4
        for _ in range(3):
            slow = asyncio.create_task(mine.fetch("select pg_sleep(30)"))
            await until(under_way)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
        assert [await plain() for _ in range(4)] == [("banksman_app", None)] * 4
        assert await database.as_system().value("select banksman.user_id()") is None
