"""The repository's frame: settings are explained, locks are complete, `make` says what it does."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from banksman.settings import Settings

ROOT = Path(__file__).parents[1]
LOCKS = ("main", "test", "bench", "lock")
SETTING = re.compile(r"#([A-Z][A-Z0-9_]*)=(.*)")
PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)(?: ; .+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
# Where the example shows what an unset setting comes to.
SHOWN = {
    "BANKSMAN_DATA_DIR": ".banksman",
    "WHATSAPP_API_URL": Settings.model_construct().graph_url,
}


def example() -> list[tuple[str, str, str]]:
    """Name, value and the line above, for each setting of `.env.example`."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    found = [(SETTING.fullmatch(line), before) for before, line in pairwise(lines)]
    return [(match[1], match[2], before) for match, before in found if match]


def lock(name: str) -> list[str]:
    """The lines of a lock that are no comments."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def pinned(name: str) -> dict[str, str]:
    """Version of each package in a lock, by canonical name."""
    return {canonicalize_name(match[1]): match[2] for line in lock(name) if (match := PIN.fullmatch(line))}


def project() -> dict[str, list[str]]:
    """What pyproject.toml asks for, by the lock that must hold it."""
    text = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = text["project"]["optional-dependencies"]
    main = text["project"]["dependencies"] + text["build-system"]["requires"]
    return {"main": main, "test": text["project"]["dependencies"] + extras["test"], "bench": extras["bench"]}


def test_the_example_names_every_setting_and_no_other_in_the_order_of_the_fields() -> None:
    assert [name for name, _, _ in example()] == [field.upper() for field in Settings.model_fields]


def test_the_example_says_a_line_about_each_setting() -> None:
    assert [name for name, _, before in example() if not re.fullmatch(r"# \S.{10,}", before)] == []


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {field.upper(): info.default for field, info in Settings.model_fields.items()}
    shown = {name: value for name, value, _ in example() if value}
    assert {name: shown[name] for name in SHOWN} == SHOWN
    assert shown.keys() - SHOWN.keys() == {name for name, default in defaults.items() if default is not None}
    for name in defaults:
        monkeypatch.delenv(name, raising=False)
    for name in shown.keys() - SHOWN.keys():
        monkeypatch.setenv(name, shown[name])
    assert Settings(_env_file=None).model_dump() == {field.lower(): value for field, value in defaults.items()}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_pinned_versions_with_hashes_and_nothing_else(name: str) -> None:
    lines = lock(name)
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert HASH.fullmatch(following) if line.endswith("\\") else not HASH.fullmatch(following), line


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").iterdir()), ids=lambda f: f.name)
def test_no_address_and_no_path_stands_in_a_lock(file: Path) -> None:
    assert re.findall(r"\w+://\S*|(?m:^\s*-\S+|\s/\w+)", re.sub(r"--hash=\S+", "", file.read_text("utf-8"))) == []


@pytest.mark.parametrize("name", ["main", "test", "bench"])
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    versions = pinned(name)
    for text in project()[name]:
        wanted = Requirement(text)
        assert versions.get(canonicalize_name(wanted.name), "none") in wanted.specifier, f"run `make lock`: {text}"


@pytest.mark.parametrize("name", ["test", "bench"])
def test_the_locks_agree_with_the_one_that_runs(name: str) -> None:
    main = pinned("main")
    assert {p: v for p, v in pinned(name).items() if main.get(p, v) != v} == {}


def test_make_alone_lists_every_target_with_a_line() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, env=_quiet()).stdout
    targets = re.findall(r"^  make (\w+) +(?=\S.{10})", listed, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert sorted(targets) == sorted(phony[1].split())


def test_an_old_python_is_refused_in_one_line(tmp_path: Path) -> None:
    result = _install(tmp_path, python="exit 1")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "no Python 3.11 or newer" in result.stderr


def test_a_python_without_venv_is_refused_in_one_line_that_says_what_to_install(tmp_path: Path) -> None:
    result = _install(tmp_path, python='case "$2" in *ensurepip*) exit 1;; esac')
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "apt-get install python3-venv" in result.stderr


def _install(directory: Path, *, python: str) -> subprocess.CompletedProcess[str]:
    """Runs the installation in a copy of the frame, with an interpreter that is the shell script `python`."""
    for name in ("Makefile", "pyproject.toml", "requirements", "scripts"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, directory / name)
    fake = directory / "python"
    fake.write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    script = ["sh", "scripts/install.sh", "main"]
    env = _quiet() | {"PYTHON": str(fake)}
    return subprocess.run(script, cwd=directory, capture_output=True, text=True, env=env, check=False)


def _quiet() -> dict[str, str]:
    """The environment without what a `make` around this test would hand on to the one inside."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
