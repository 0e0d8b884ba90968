"""Brings a database to this version of the schema, and says which version it has."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

VERSION = 1  # the version that the script's last statement writes; the two are raised together


class MigrationError(Exception):
    """The database cannot be brought to, or used at, this version. One line that says what to do."""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a database stands."""

    version: int  # 0: the schema is not there

    @property
    def pending(self) -> bool:
        """Whether `migrate` has something to do."""
        return self.version < VERSION

    def check(self) -> None:
        """Raises MigrationError unless the database is of this very version."""
        if self.version > VERSION:
            raise MigrationError(
                f"the database is at schema version {self.version}, newer than this program's {VERSION}: "
                "install the newer program"
            )
        if self.pending:
            raise MigrationError("the database is behind this program: run `banksman migrate`")


def script() -> str:
    """The migration's SQL, `database_migrations_v2.sql`."""
    name = "database_migrations_v2.sql"
    packaged = files("banksman.database").joinpath(name)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[3] / name).read_text(encoding="utf-8")


def state(connection: psycopg.Connection) -> State:
    """The schema's version, read with the rights of the sign-in role or of the owner.

    Raises MigrationError for any other role.
    """
    with connection.transaction():
        there = connection.execute(
            "select exists (select from pg_catalog.pg_tables"
            " where schemaname = 'banksman' and tablename = 'schema_versions')"
        ).fetchone()
        if not there or not there[0]:
            return State(version=0)
        try:
            connection.execute("select set_config('role', 'banksman_system', true)")
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"{connection.info.user} may not work in the schema banksman: sign in as banksman_app (DATABASE_URL), "
                "or as the owner who ran the migration (DATABASE_ADMIN_URL)"
            ) from error
        row = connection.execute("select coalesce(max(version), 0) from banksman.schema_versions").fetchone()
        return State(version=int(row[0]) if row else 0)


def migrate(connection: psycopg.Connection) -> State:
    """Runs the script as the owner where the database is behind; gives the state before.

    `connection` must be in autocommit mode: the script brings its own transaction. Raises MigrationError.
    """
    before = state(connection)
    if before.version > VERSION:
        before.check()
    if not before.pending:
        return before
    try:
        connection.execute("begin")  # the script's own begin then only warns, and its commit ends this one
        connection.execute("select pg_advisory_xact_lock(hashtext('banksman:migration'))")
        before = state(connection)  # another process may have been faster
        connection.execute("set local role none")
        connection.execute(script().encode() if before.pending else b"rollback")
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"{connection.info.user} may not migrate ({error.diag.message_primary}): DATABASE_ADMIN_URL must name "
            "the owner of the database, who may create roles"
        ) from error
    except psycopg.Error as error:
        raise MigrationError(
            f"the migration failed and has changed nothing: {error.diag.message_primary or error}; "
            "put that right and run it again"
        ) from error
    return before


def app_url(connection: psycopg.Connection, admin_url: str, configured: str | None) -> str:
    """The address under which the service signs in as `banksman_app`, with a password that works.

    An address in use (`configured`) that works is kept. Else the password is derived from the owner's,
    so that a second run finds it in place and changes nothing.
    """
    if configured and _works(configured):
        return configured
    owner_password = connection.info.password
    password = _derived(owner_password) if owner_password else secrets.token_urlsafe(24)
    for url in (app_address(admin_url, None), app_address(admin_url, password)):
        if _works(url):
            return url
    connection.execute(sql.SQL("alter role banksman_app password {}").format(sql.Literal(password)))
    return url


def app_address(owner_url: str, password: str | None) -> str:
    """The owner's address with `banksman_app` for the owner (and behind Supabase's pooler, with its project)."""
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    project = (parts.username or "").partition(".")[2] if "pooler.supabase." in host else ""
    user = f"banksman_app.{project}" if project else "banksman_app"
    secret = f":{quote(password, safe='')}" if password else ""
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("user", "password")]
    return urlunsplit(parts._replace(netloc=f"{user}{secret}@{host}", query=urlencode(kept, safe="/", quote_via=quote)))


def _derived(owner_password: str) -> str:
    return hmac.new(owner_password.encode(), b"banksman_app", hashlib.sha256).hexdigest()[:40]


def _works(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False
