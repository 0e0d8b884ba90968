"""Runs the command line as a person does: a process of its own, in a folder of its own, nothing else set."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from banksman.settings import Settings

BANKSMAN = str(Path(sys.executable).parent / "banksman")
OURS = {name.upper() for name in Settings.model_fields}


def environment(**settings: str) -> dict[str, str]:
    """The machine's environment without any setting of ours but `settings`."""
    return {name: value for name, value in os.environ.items() if name.upper() not in OURS} | settings


def banksman(*words: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The outcome of `banksman` with these words, run in `folder`."""
    return subprocess.run(
        [BANKSMAN, *words],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def running(*words: str, folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """`banksman` with these words while the block runs; killed at the end where it still runs."""
    process = subprocess.Popen(
        [BANKSMAN, *words],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    """Waits until the service at `url` says that it is ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/ready", trust_env=False, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    if process.poll() is None:
        process.kill()
    raise AssertionError(f"it is not ready: {process.communicate()}")


def free_port() -> str:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
