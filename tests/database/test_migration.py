"""`banksman migrate` on plain Postgres: an owner who is no superuser, passwords, and a server that gives much away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.commands import banksman
from tests.database.clusters import PASSWORD, VERSIONS, Cluster, cluster

from banksman.database import migration
from banksman.database.migration import app_address

# All that a schema is made of, with the rights on it, and the version rows.
CATALOGUE = """
select 'relation', c.relname, c.relkind::text, array_to_string(c.relacl, ' '),
       concat(c.relrowsecurity, c.relforcerowsecurity)
  from pg_class c where c.relnamespace = 'banksman'::regnamespace
union all
select 'column', a.attrelid::regclass::text, a.attname || ' ' || format_type(a.atttypid, a.atttypmod),
       array_to_string(a.attacl, ' '), concat(a.attnotnull, a.attidentity)
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'banksman'::regnamespace and a.attnum > 0
union all
select 'function', p.oid::regprocedure::text, md5(p.prosrc), array_to_string(p.proacl, ' '),
       array_to_string(p.proconfig, ' ')
  from pg_proc p where p.pronamespace = 'banksman'::regnamespace
union all
select 'policy', tablename, policyname, roles::text, concat(cmd, qual, with_check)
  from pg_policies where schemaname = 'banksman'
union all
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '' from pg_constraint
 where connamespace = 'banksman'::regnamespace
union all
select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '' from pg_trigger where not tgisinternal
union all
select 'role', rolname, '', concat(rolcanlogin, rolinherit, rolsuper, rolbypassrls), ''
  from pg_roles where rolname like 'banksman%'
union all
select 'member', roleid::regrole::text, member::regrole::text, '', '' from pg_auth_members
union all
select 'acl', 'schema', '', array_to_string(nspacl, ' '), '' from pg_namespace where nspname = 'banksman'
order by 1, 2, 3
"""
SUPABASE = ("anon", "authenticated", "service_role")
ROLES = ", ".join(SUPABASE)
STRANGERS = (*SUPABASE, "banksman_app")
KINDS = ("tables", "functions", "sequences", "schemas")
GIVEN_AWAY = """
select r.rolname, o.name from unnest(%(strangers)s::text[]) as r (rolname), lateral (
    select 'schema' as name where has_schema_privilege(r.rolname, 'banksman', 'usage, create')
    union all
    select c.oid::regclass::text from pg_class c
     where c.relnamespace = 'banksman'::regnamespace and c.relkind in ('r', 'v', 'm', 'p')
       and (has_table_privilege(r.rolname, c.oid, 'select, insert, update, delete, truncate, references, trigger')
            or has_any_column_privilege(r.rolname, c.oid, 'select, insert, update, references'))
    union all
    select c.oid::regclass::text from pg_class c
     where c.relnamespace = 'banksman'::regnamespace and c.relkind = 'S'
       and has_sequence_privilege(r.rolname, c.oid, 'usage, select, update')
    union all
    select p.oid::regprocedure::text from pg_proc p
     where p.pronamespace = 'banksman'::regnamespace and has_function_privilege(r.rolname, p.oid, 'execute')) o
"""


@pytest.fixture(scope="module", params=VERSIONS)
def postgres(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as running:
        if running is None:
            pytest.skip(f"Postgres {request.param} is not installed (Debian: postgresql-{request.param})")
        yield running


@pytest.fixture
def owner(postgres: Cluster, request: pytest.FixtureRequest) -> str:
    """The address of the owner of a fresh database."""
    return postgres.database(f"site_{abs(hash(request.node.name))}")


def rows(url: str, query: str, **params: object) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode(), params or None).fetchall()


def test_an_owner_who_is_no_superuser_migrates_and_is_told_where_the_service_signs_in(
    owner: str, tmp_path: Path
) -> None:
    assert banksman("migrate", "--check", folder=tmp_path, DATABASE_ADMIN_URL=owner).returncode == 1
    first = banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=owner)
    assert (first.returncode, first.stderr) == (0, f"migrated to schema version {migration.VERSION}\n")
    assert first.stdout.startswith("DATABASE_URL=postgresql://banksman_app:")
    assert first.stdout.count("\n") == 1
    assert PASSWORD not in first.stdout
    url = first.stdout.strip().removeprefix("DATABASE_URL=")
    assert rows(url, "select current_user::text") == [("banksman_app",)]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select from banksman.users")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("banksman_app:", "banksman_app:x"))
    assert banksman("migrate", "--check", folder=tmp_path, DATABASE_ADMIN_URL=owner).returncode == 0

    again = banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=owner)
    assert (again.returncode, again.stderr, again.stdout) == (0, "nothing to do\n", first.stdout)
    kept = banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=owner, DATABASE_URL=url)
    assert kept.stdout == first.stdout


def test_an_address_of_the_service_that_works_is_kept(owner: str, tmp_path: Path) -> None:
    banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=owner)
    other_password = f"alter role banksman_app password '{PASSWORD.replace(chr(39), chr(39) * 2)}'"
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(other_password.encode())
    own = owner.replace("//boss:", "//banksman_app:")
    outcome = banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=owner, DATABASE_URL=own)
    assert outcome.stdout == f"DATABASE_URL={own}\n"
    assert rows(own, "select 1") == [(1,)]


def test_running_the_script_again_changes_nothing(owner: str) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(migration.script().encode())
        before = connection.execute(CATALOGUE.encode()).fetchall()
        connection.execute(migration.script().encode())
        after = connection.execute(CATALOGUE.encode()).fetchall()
    assert len(before) > 200
    assert after == before


def test_the_owner_who_is_no_superuser_imports(owner: str, tmp_path: Path) -> None:
    banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=owner)
    file = tmp_path / "crew.json"
    file.write_text(json.dumps({"users": [{"ref": "ana", "wa_id": "33600000001", "name": "Ana"}]}))
    outcome = banksman("import", "crew.json", folder=tmp_path, DATABASE_ADMIN_URL=owner)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    with psycopg.connect(owner) as connection:
        connection.execute("set role banksman_system")
        assert connection.execute("select name from banksman.users").fetchall() == [("Ana",)]


def test_default_privileges_of_the_server_give_nothing_away(postgres: Cluster, owner: str) -> None:
    database = owner.rpartition("/")[2]
    with psycopg.connect(postgres.url("postgres", database), autocommit=True) as connection:
        for name in SUPABASE:
            if not connection.execute("select from pg_roles where rolname = %s", [name]).rowcount:
                connection.execute(f"create role {name} nologin".encode())
        for kind in KINDS:
            connection.execute(f"alter default privileges for role boss grant all on {kind} to {ROLES}".encode())
    try:
        with psycopg.connect(owner, autocommit=True) as connection:
            migration.migrate(connection)
        assert rows(owner, GIVEN_AWAY, strangers=[*STRANGERS, "public"]) == []
        assert rows(owner, "select count(*) from pg_roles where rolname = any (%(r)s)", r=list(STRANGERS)) == [(4,)]
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("grant select on banksman.users to anon")
        assert rows(owner, GIVEN_AWAY, strangers=[*STRANGERS]) == [("anon", "banksman.users")]
    finally:
        with psycopg.connect(postgres.url("postgres", database), autocommit=True) as connection:
            for kind in KINDS:
                connection.execute(f"alter default privileges for role boss revoke all on {kind} from {ROLES}".encode())


def test_a_database_that_is_newer_than_the_program_is_left_alone(owner: str, tmp_path: Path) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        migration.migrate(connection)
        with connection.transaction():
            connection.execute("set local role banksman_system")
            connection.execute("insert into banksman.schema_versions (version) values (999)")
        with pytest.raises(psycopg.errors.RaiseException, match="newer"):
            connection.execute(migration.script().encode())
    for words in (["migrate"], ["migrate", "--check"], ["import", "crew.json"]):
        (tmp_path / "crew.json").write_text("{}")
        outcome = banksman(*words, folder=tmp_path, DATABASE_ADMIN_URL=owner)
        assert outcome.returncode == 1
        assert outcome.stdout == ""
        assert outcome.stderr.count("\n") == 1
        assert "999" in outcome.stderr
        assert "install the newer program" in outcome.stderr


def test_who_may_not_migrate_is_told_so_in_one_line_and_nothing_changes(
    postgres: Cluster, owner: str, tmp_path: Path
) -> None:
    database = owner.rpartition("/")[2]
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("drop role if exists guest")
        connection.execute("create role guest login password 'guest'")
    guest = postgres.url("guest", database, "guest")
    outcome = banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=guest)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.count("\n") == 1
    assert "DATABASE_ADMIN_URL must name the owner" in outcome.stderr
    assert rows(owner, "select count(*) from pg_namespace where nspname = 'banksman'") == [(0,)]
    with psycopg.connect(owner, autocommit=True) as connection:
        migration.migrate(connection)
    behind = banksman("import", "x.json", folder=tmp_path, DATABASE_ADMIN_URL=guest)
    (tmp_path / "x.json").write_text("{}")
    behind = banksman("import", "x.json", folder=tmp_path, DATABASE_ADMIN_URL=guest)
    assert behind.returncode == 1
    assert "guest may not work in the schema banksman" in behind.stderr


@pytest.mark.parametrize(
    ("owner_url", "password", "expected"),
    [
        ("postgresql://postgres:a%40b@db.abc.supabase.co:5432/postgres", "p/w",
         "postgresql://banksman_app:p%2Fw@db.abc.supabase.co:5432/postgres"),
        ("postgresql://postgres.abc:x@aws-0-eu-west-1.pooler.supabase.com:6543/postgres?sslmode=require", "pw",
         "postgresql://banksman_app.abc:pw@aws-0-eu-west-1.pooler.supabase.com:6543/postgres?sslmode=require"),
        ("postgresql:///site?host=/run/postgresql&user=boss&password=x", None,
         "postgresql://banksman_app@/site?host=/run/postgresql"),
        ("postgresql://first.last@db.example.org/site", "pw", "postgresql://banksman_app:pw@db.example.org/site"),
    ],
)  # fmt: skip
def test_the_address_of_the_service_is_the_owners_with_another_name(
    owner_url: str, password: str | None, expected: str
) -> None:
    assert app_address(owner_url, password) == expected
