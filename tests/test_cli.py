"""The command line as a person meets it: real processes in a fresh folder, nothing set but what a test names."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import httpx
import psycopg
import pytest
from tests.commands import banksman, environment, free_port, running, wait_until_ready

from banksman.cli import cli
from banksman.database.embedded import Server

AWAY = "postgresql://banksman_app:hush-hush@127.0.0.1:1/site"
CREDENTIALS = {
    "WHATSAPP_PHONE_NUMBER_ID": "1",
    "WHATSAPP_ACCESS_TOKEN": "t",
    "WHATSAPP_APP_SECRET": "s",
    "WHATSAPP_VERIFY_TOKEN": "v",
}
CREW = {
    "users": [{"ref": "bob", "wa_id": "+44 7700 900101", "name": "Bob Hill", "language": "en"},
              {"ref": "ana", "wa_id": "33600000001", "name": "Ana Silva", "language": "fr"}],
    "projects": [{"ref": "mill", "name": "Old Mill", "members": ["ana", "bob"]}],
    "tasks": [{"ref": "t1", "project": "mill", "title": "Tile bathroom", "assignees": ["ana"]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a database of its own. Not below pytest's: as root the server runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="banksman-cli-"))
    folder.chmod(0o755)
    (folder / "crew.json").write_text(json.dumps(CREW))
    (folder / ".env").write_text(f"BANKSMAN_DATA_DIR='{folder / 'data'}'\nUNKNOWN_SETTING=1\n")
    yield folder
    assert banksman("database", "stop", folder=folder).returncode == 0
    shutil.rmtree(folder)


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    yield before
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)
        else:
            yield (*before, name)


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], tmp_path: Path) -> None:
    outcome = banksman(*words, "--help", folder=tmp_path)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(f"Usage: banksman{''.join(f' {word}' for word in words)} ")
    assert "--debug" in outcome.stdout


@pytest.mark.parametrize(
    "words",
    [(), ("nonsense",), ("database",), ("database", "drop"), ("serve", "--nope"), ("serve", "now"), ("say",),
     ("say", "a", "b"), ("import",), ("import", "no-such-file.json"), ("import", "."), ("migrate", "--chek")],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_status_2(words: tuple[str, ...], tmp_path: Path) -> None:
    outcome = banksman(*words, folder=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr.count("\n") == 1
    assert "--help`." in outcome.stderr


@pytest.mark.parametrize(
    ("words", "settings", "remedy"),
    [
        (("serve",), {**CREDENTIALS, "DATABASE_URL": AWAY}, "check DATABASE_URL"),
        (("worker",), {**CREDENTIALS, "DATABASE_URL": AWAY}, "check DATABASE_URL"),
        (("dev",), {"DATABASE_URL": AWAY}, "check DATABASE_URL"),
        (("say", "hi"), {"DATABASE_URL": AWAY}, "check DATABASE_URL"),
        (("dev",), {"DATABASE_URL": AWAY.replace("127.0.0.1", "no-such-host.invalid")}, "check DATABASE_URL"),
        (("migrate",), {"DATABASE_ADMIN_URL": AWAY}, "check DATABASE_ADMIN_URL"),
        (("migrate", "--check"), {"DATABASE_ADMIN_URL": AWAY}, "check DATABASE_ADMIN_URL"),
        (("import", "crew.json"), {"DATABASE_ADMIN_URL": AWAY}, "check DATABASE_ADMIN_URL"),
        (("migrate",), {"DATABASE_URL": AWAY}, "DATABASE_ADMIN_URL=postgresql://"),
        (("database", "url"), {"DATABASE_URL": AWAY}, "DATABASE_ADMIN_URL=postgresql://"),
        (("database", "start"), {"DATABASE_URL": AWAY}, "unset them"),
        (("database", "url"), {"BANKSMAN_DATA_DIR": "/proc/nothing"}, "set BANKSMAN_DATA_DIR"),
        (("database", "url"), {"BANKSMAN_DATA_DIR": "crew.json"}, "set BANKSMAN_DATA_DIR"),
        (("dev",), {"HOST": "no-such-host.invalid"}, "set HOST"),
        (("say", "hi"), {"BANKSMAN_ENV": "production"}, "set BANKSMAN_ENV=development"),
        (("database", "url"), {"DATABASE_ADMIN_URL": "postgresql://u:hush-hush%zz@h/d"}, "DATABASE_ADMIN_URL=postgresql://"),
        (("database", "url"), {"DATABASE_ADMIN_URL": "postgresql://u:hush-hush b@h/d"}, "DATABASE_ADMIN_URL=postgresql://"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_that_says_what_to_do_and_status_1(
    words: tuple[str, ...], settings: dict[str, str], remedy: str, tmp_path: Path
) -> None:
    (tmp_path / "crew.json").write_text("{}")
    own = {"PORT": free_port(), "BANKSMAN_DATA_DIR": str(tmp_path / "data")}
    outcome = banksman(*words, folder=tmp_path, **(own | settings))
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.count("\n") == 1
    assert remedy in outcome.stderr
    assert "hush" not in outcome.stderr


def test_a_wrong_password_is_told_and_not_repeated(tmp_path: Path, server: Server) -> None:
    url = f"postgresql://nobody_of_that_name:hush-hush@/postgres?host={server.socket_dir}"
    outcome = banksman("migrate", folder=tmp_path, DATABASE_ADMIN_URL=url)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "nobody_of_that_name" in outcome.stderr
    assert "hush" not in outcome.stderr


def test_a_database_without_the_schema_is_told_to_be_migrated(tmp_path: Path, server: Server) -> None:
    url = server.url("postgres", "postgres")
    for words in (["serve"], ["worker"], ["import", "crew.json"], ["migrate", "--check"]):
        (tmp_path / "crew.json").write_text("{}")
        settings = {**CREDENTIALS, "PORT": free_port(), "DATABASE_URL": url, "DATABASE_ADMIN_URL": url}
        outcome = banksman(*words, folder=tmp_path, **settings)
        assert outcome.returncode == 1
        assert outcome.stderr == "the database is behind this program: run `banksman migrate`\n"


def test_a_traceback_is_shown_with_debug_alone(tmp_path: Path) -> None:
    for words in (("--debug", "migrate"), ("migrate", "--debug")):
        assert "Traceback" in banksman(*words, folder=tmp_path, DATABASE_ADMIN_URL=AWAY).stderr


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_every_missing_and_every_wrong_setting_is_named_at_once(command: str, tmp_path: Path) -> None:
    outcome = banksman(
        command, folder=tmp_path, WHATSAPP_ACCESS_TOKEN="x", PORT="abc", WHATSAPP_PHONE_NUMBER_ID="+33 6"
    )
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert [line.split()[0].rstrip(":") for line in outcome.stderr.splitlines()] == [
        "PORT", "WHATSAPP_PHONE_NUMBER_ID", "DATABASE_URL", "WHATSAPP_APP_SECRET", "WHATSAPP_VERIFY_TOKEN",
    ]  # fmt: skip
    assert all("for example" in line for line in outcome.stderr.splitlines())


def test_the_order_of_commands_does_not_matter_and_several_run_at_once(folder: Path) -> None:
    words = [["database", "url"], ["import", "crew.json"], ["migrate"], ["import", "crew.json"], ["migrate", "--check"]]
    with ThreadPoolExecutor(len(words)) as pool:
        outcomes = list(pool.map(lambda each: banksman(*each, folder=folder), words))
    assert [(o.returncode, o.stderr) for o in outcomes if o.returncode] == []
    assert outcomes[1].stdout == outcomes[3].stdout == "loaded: 2 people, 1 projects, 1 tasks, 0 documents\n"
    assert banksman("database", "stop", folder=folder).stdout == "the embedded database has stopped\n"
    assert banksman("database", "stop", folder=folder).stdout == "the embedded database did not run\n"
    url = banksman("database", "url", folder=folder)
    assert (url.stdout, url.stderr, url.returncode) == (outcomes[0].stdout, "", 0)
    with psycopg.connect(url.stdout.strip()) as connection:
        assert connection.execute("select count(*) from banksman.users").fetchone() == (2,)


def test_the_migration_is_printed_whole(tmp_path: Path) -> None:
    printed = banksman("migrate", "--print", folder=tmp_path).stdout
    assert printed == (Path(__file__).parents[1] / "database_migrations_v2.sql").read_text()
    assert not list(tmp_path.iterdir())


def test_a_file_with_faults_is_named_row_by_row(folder: Path) -> None:
    (folder / "bad.json").write_text('{"users": [{"ref": "x", "wa_id": "12", "name": ""}]}')
    outcome = banksman("import", "bad.json", folder=folder)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert [line.partition(":")[0] for line in outcome.stderr.splitlines()] == ["users[0].wa_id", "users[0].name"]


def test_dev_is_talked_to_from_another_terminal_and_ends_quietly(folder: Path) -> None:
    banksman("import", "crew.json", folder=folder)
    port = free_port()
    with running("dev", folder=folder, PORT=port) as dev:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(dev, url)
        assert httpx.get(f"{url}/simulator", trust_env=False).status_code == 200

        def say(*words: str) -> subprocess.CompletedProcess[str]:
            return banksman("say", *words, folder=folder, PORT=port)

        first = say("hello")
        assert (first.returncode, first.stderr) == (0, "")
        assert "Hello Bob" in first.stdout
        assert "  1. " in first.stdout
        for ref in ("ana", "33600000001", "+33 6 00 00 00 01", "0033-600.000.001"):
            assert "Tile bathroom" in say("mes tâches", "--as", ref).stdout
        for text in ("", "-h", "-5 bags", "--what now"):
            assert say(text).stdout.strip()
        for ref in ("zoe", "33611111111", ""):
            nobody = say("hello", "--as", ref)
            assert (nobody.returncode, nobody.stdout) == (1, "")
            assert nobody.stderr.startswith(f"there is no person {ref!r}")
        other = banksman("say", "hello", folder=folder, PORT=port, WHATSAPP_APP_SECRET="another")
        assert (other.returncode, other.stdout) == (1, "")
        assert "WHATSAPP_APP_SECRET" in other.stderr
        assert banksman("import", "crew.json", folder=folder).returncode == 0
        assert banksman("migrate", folder=folder).stderr == "nothing to do\n"
        taken = banksman("dev", folder=folder, PORT=port)
        assert (taken.returncode, taken.stderr.count("\n")) == (1, 1)
        assert "set PORT to another one" in taken.stderr

        path = "/simulator/api/chats/33600000001"
        chat = httpx.get(url + path, trust_env=False).json()
        with socket.create_connection(("127.0.0.1", int(port))) as page:  # waits for news
            query = f"epoch={chat['epoch']}&after={chat['revision']}"
            page.sendall(f"GET {path}/events?{query} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
            assert httpx.get(url + path, trust_env=False).status_code == 200
            dev.send_signal(signal.SIGTERM)
            assert dev.wait(timeout=6) == 0
            assert page.recv(1000).startswith(b"HTTP/1.1 200")
        assert "Traceback" not in dev.communicate()[1]
    nothing = banksman("say", "hello", folder=folder, PORT=port)
    assert nothing.returncode == 1
    assert "start the service" in nothing.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_has_no_simulator_and_ends_quietly(folder: Path, number: signal.Signals) -> None:
    port = free_port()
    with running("serve", folder=folder, PORT=port, BANKSMAN_ENV="development") as serve:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(serve, url)
        for path in ("/simulator", "/simulator/", "/simulator/graph/v26.0/1/messages", "/simulator/api/people"):
            assert httpx.get(f"{url}{path}", trust_env=False).status_code == 404
        serve.send_signal(number)
        assert serve.wait(timeout=6) == 0
        out, err = serve.communicate()
        assert out == ""
        assert "Traceback" not in err


def test_a_worker_ends_quietly_and_knows_no_embedded_database_in_production(folder: Path) -> None:
    refused = banksman("worker", folder=folder, **CREDENTIALS)
    assert refused.returncode == 1
    assert refused.stderr.startswith("DATABASE_URL is not set; for example ")
    with running("worker", folder=folder, BANKSMAN_ENV="development", LOG_LEVEL="DEBUG") as worker:
        url = banksman("database", "url", folder=folder).stdout.strip()
        listening = "select from pg_stat_activity where application_name = 'banksman listener'"
        with psycopg.connect(url, autocommit=True) as connection:
            while not connection.execute(listening).rowcount:
                assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0
        assert "Traceback" not in worker.communicate()[1]


def test_tests_run_without_the_settings_of_the_machine() -> None:
    assert not {"PORT", "DATABASE_URL", "ANTHROPIC_API_KEY"} & set(environment())
