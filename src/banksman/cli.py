"""The command line: `banksman dev`, `serve`, `worker`, `migrate`, `import`, `database`, `say`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from banksman import local, serving, talk
from banksman.app import Parts
from banksman.database import embedded, migration
from banksman.database.embedded import EmbeddedServerError
from banksman.database.migration import MigrationError
from banksman.observability import logging
from banksman.services.import_file import ImportFileError
from banksman.settings import Environment, Settings, SettingsError, load

FAILURES = (
    SettingsError,
    MigrationError,
    EmbeddedServerError,
    ImportFileError,
    talk.NoReplyError,
    serving.ServingError,
)


def development(settings: Settings) -> Settings:
    """The settings with what a developer's machine makes up."""
    return local.with_simulator(local.with_database(settings))


def logged(settings: Settings) -> Settings:
    """The settings, with logs set up as they say."""
    style = settings.log_format or ("console" if settings.development else "json")
    logging.configure(settings.log_level, style)
    return settings


@dataclass
class Run:
    """One run of the command line."""

    debug: bool = False


def _remember(context: click.Context, _: click.Parameter, debug: bool) -> None:
    if debug and isinstance(context.obj, Run):
        context.obj.debug = True


DEBUG = click.Option(
    ["--debug"], is_flag=True, expose_value=False, callback=_remember, help="Show a traceback when something fails."
)


class Command(click.Command):
    """A command, with --debug."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its parameters, with --debug."""
        return [DEBUG, *super().get_params(ctx)]


class Group(Command, click.Group):
    """A group of commands, each with --debug."""

    command_class = Command
    group_class = type


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
def cli() -> None:
    """banksman: an assistant that building crews talk to on WhatsApp."""


@cli.command()
def dev() -> None:
    """All of it in one process: embedded database, simulator, service."""
    settings = logged(load(**_default_env(Environment.DEVELOPMENT)))
    serving.require_free_port(settings.host, settings.port)
    settings = development(settings)
    local.load_demo(settings)
    serving.serve(settings, Parts(), simulator=True)


@cli.command()
@click.option("--no-worker", is_flag=True, help="Leave turns and sends to other processes.")
def serve(no_worker: bool) -> None:
    """The web service for production, with a worker in it."""
    settings = logged(_production())
    serving.require_free_port(settings.host, settings.port)
    serving.serve(settings, Parts(worker=not no_worker), simulator=False)


@cli.command()
def worker() -> None:
    """Only works what is due; start as many as needed on as many machines."""
    serving.work(logged(_production()))


@cli.command()
@click.option("--check", is_flag=True, help="Exit 1 if something is pending; change nothing.")
@click.option("--print", "show", is_flag=True, help="Print the SQL; change nothing.")
def migrate(check: bool, show: bool) -> None:
    """Bring the database to this version. Needs the owner (DATABASE_ADMIN_URL)."""
    if show:
        click.echo(migration.script(), nl=False)
        return
    settings = _quiet(load())
    embedded_used = not (settings.database_url or settings.database_admin_url)
    if embedded_used:
        settings = local.with_database(settings)
    with local.connect(local.admin_url(settings), "DATABASE_ADMIN_URL") as connection:
        state = migration.state(connection)
        if check:
            state.check()
            click.echo(f"up to date: schema version {migration.VERSION}")
            return
        migration.migrate(connection)
        configured = settings.database_url.get_secret_value() if settings.database_url else None
        url = migration.app_url(connection, local.admin_url(settings), configured)
    click.echo("nothing to do" if not state.pending else f"migrated to schema version {migration.VERSION}", err=True)
    click.echo(f"DATABASE_URL={url}")


@cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(file: Path) -> None:
    """Load people, projects, tasks and documents from FILE; twice changes nothing."""
    settings = local.with_database(_quiet(load()))
    loaded = local.load_file(settings, file)
    click.echo(
        f"loaded: {loaded.users} people, {loaded.projects} projects, {loaded.tasks} tasks, {loaded.documents} documents"
    )


@cli.group(no_args_is_help=False)
def database() -> None:
    """The embedded database server."""


@database.command("url")
def database_url() -> None:
    """Print the connection string of the database's owner."""
    click.echo(local.admin_url(local.with_database(_quiet(load()))))


@database.command("start")
def database_start() -> None:
    """Start the embedded server."""
    settings = _quiet(load())
    _embedded_only(settings)
    local.with_database(settings)
    click.echo("the embedded database runs")


@database.command("stop")
def database_stop() -> None:
    """Stop the embedded server."""
    settings = _quiet(load())
    _embedded_only(settings)
    stopped = embedded.stop(embedded.data_dir(settings.banksman_data_dir))
    click.echo("the embedded database has stopped" if stopped else "the embedded database did not run")


@cli.command(context_settings={"help_option_names": ["--help"], "ignore_unknown_options": True})
@click.argument("text")
@click.option(
    "--as",
    "ref",
    metavar="REF",
    help="Who says it: a number or an external ref. The first person if not given.",
)
def say(text: str, ref: str | None) -> None:
    """Say TEXT to the running service as a person of the database, and print the reply. Development only."""
    settings = _quiet(load(**_default_env(Environment.DEVELOPMENT)))
    if not settings.development:
        raise SettingsError(
            "`say` is for development, and BANKSMAN_ENV is production here: set BANKSMAN_ENV=development"
        )
    settings = development(settings)
    local.require_schema(settings)
    click.echo(asyncio.run(talk.say(settings, text, ref)))


def _production() -> Settings:
    """Settings of `serve` and `worker`: everything is required, but in development made up."""
    settings = load(starred=True)
    return development(settings) if settings.development else settings


def _default_env(environment: Environment) -> dict[str, Any]:
    """`environment` where the setting is not given."""
    given = "banksman_env" in load().model_fields_set
    return {} if given else {"banksman_env": environment}


def _quiet(settings: Settings) -> Settings:
    """The settings, with logs of warnings only: the output is for people and programs."""
    logging.configure("WARNING", "console")
    return settings


def _embedded_only(settings: Settings) -> None:
    if settings.database_url or settings.database_admin_url:
        raise SettingsError(
            "the embedded database is not used, since DATABASE_URL or DATABASE_ADMIN_URL is set: unset them"
        )


def main() -> None:
    """Runs the command line: errors are a line on stderr, exit status 2 for wrong usage, 1 for failure."""
    run = Run()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(cli(standalone_mode=False, obj=run) or 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "banksman"
        click.echo(f"{_one_line(error.format_message())} See `{where} --help`.", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # who read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if run.debug:
            raise
        click.echo(_said(error), err=True)
        sys.exit(1)


def _said(error: Exception) -> str:
    """What is printed of an error: one line, but a line for each wrong setting or row."""
    if isinstance(error, SettingsError | ImportFileError):
        return str(error)
    if isinstance(error, FAILURES):
        return _one_line(str(error))
    return f"{type(error).__name__}: {_one_line(str(error))} (--debug shows where)"


def _one_line(text: str) -> str:
    return " ".join(text.split())
