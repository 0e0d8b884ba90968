"""The import file: people, projects, tasks and documents, loaded whole or not at all.

The file is the source for people, memberships and the words of tasks. What a crew or a person has made of
them since (status, progress, a chosen language) stays. Loading a file twice changes nothing.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from banksman.database.queries import Queries

QUERIES = Queries("banksman.services", "import.sql")


class ImportFileError(Exception):
    """The file cannot be loaded. A line for each fault, with the path of the row."""


def _digits(value: object) -> object:
    return re.sub(r"[\s+().-]", "", value) if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is no time zone; for example Europe/Paris") from error
    return name


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


Ref = Annotated[str, Field(min_length=1, max_length=200)]
Title = Annotated[str, Field(min_length=1, max_length=500)]


class UserRow(_Row):
    """A person."""

    ref: Ref
    wa_id: Annotated[str, BeforeValidator(_digits), Field(pattern=r"^[0-9]{5,20}$")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"


class ProjectRow(_Row):
    """A project with its members, by their refs."""

    ref: Ref
    name: Title
    address: str | None = None
    members: tuple[Ref, ...] = ()


class TaskRow(_Row):
    """A task; `status` and `progress` count when it is new."""

    ref: Ref
    project: Ref
    title: Title
    description: str | None = None
    status: Literal["open", "in_progress", "blocked", "done"] = "open"
    progress: Annotated[int, Field(ge=0, le=100)] = 0
    due: date | None = None
    assignees: tuple[Ref, ...] = ()


class DocumentRow(_Row):
    """A file of a project or of one of its tasks."""

    project: Ref
    task: Ref | None = None
    kind: Literal["plan", "photo", "document"]
    title: Title
    file: str


class ImportFile(_Row):
    """The whole file."""

    users: tuple[UserRow, ...] = ()
    projects: tuple[ProjectRow, ...] = ()
    tasks: tuple[TaskRow, ...] = ()
    documents: tuple[DocumentRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """How many rows of each kind the file holds."""

    users: int
    projects: int
    tasks: int
    documents: int


def read(path: Path) -> ImportFile:
    """The file's rows, checked; raises ImportFileError with every fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFileError(f"{path}: cannot be read: {error}") from error
    try:
        found = ImportFile.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise ImportFileError(f"{path}: no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (ValidationError, RecursionError) as error:
        faults = error.errors(include_url=False) if isinstance(error, ValidationError) else []
        lines = [f"{_path(item['loc'])}: {item['msg'].removeprefix('Value error, ')}" for item in faults]
        raise ImportFileError("\n".join(lines) or f"{path}: nested too deeply") from error
    faults_found = [*_doubles(found), *_missing_files(found, path.parent)]
    if faults_found:
        raise ImportFileError("\n".join(faults_found))
    return found


def load(connection: psycopg.Connection, found: ImportFile, *, folder: Path, store: Callable[[bytes], str]) -> Loaded:
    """Writes the rows as banksman_system, in one transaction; raises ImportFileError and writes nothing.

    `folder`: where the files of documents are; `store` keeps a file's bytes and gives their SHA-256.
    """
    with connection.transaction():
        connection.execute("select set_config('role', 'banksman_system', true)")
        _Loading(connection, store, folder).run(found)
    return Loaded(
        users=len(found.users),
        projects=len(found.projects),
        tasks=len(found.tasks),
        documents=len(found.documents),
    )


class _Loading:
    """One load under way: what each ref stands for."""

    def __init__(self, connection: psycopg.Connection, store: Callable[[bytes], str], folder: Path) -> None:
        self._connection, self._store, self._folder = connection, store, folder

    def run(self, found: ImportFile) -> None:
        for n, user in enumerate(found.users):
            self._user(user, f"users[{n}]")
        for n, project in enumerate(found.projects):
            project_id = self._value("put_project", project.model_dump(exclude={"members"}))
            members = [self._id("user", ref, f"projects[{n}].members[{i}]") for i, ref in enumerate(project.members)]
            self._connection.execute(QUERIES["end_members"], {"project_id": project_id, "members": members})
            for member in members:
                self._connection.execute(QUERIES["put_member"], {"project_id": project_id, "user_id": member})
        for n, task in enumerate(found.tasks):
            project_id = self._id("project", task.project, f"tasks[{n}].project")
            task_id = self._value("put_task", {**task.model_dump(exclude={"assignees"}), "project_id": project_id})
            assignees = [self._id("user", ref, f"tasks[{n}].assignees[{i}]") for i, ref in enumerate(task.assignees)]
            self._connection.execute(QUERIES["end_assignees"], {"task_id": task_id, "assignees": assignees})
            for assignee in assignees:
                self._connection.execute(QUERIES["put_assignee"], {"task_id": task_id, "user_id": assignee})
        for n, document in enumerate(found.documents):
            self._document(document, n)

    def _user(self, user: UserRow, path: str) -> None:
        try:
            with self._connection.transaction():
                self._value("put_user", user.model_dump())
        except psycopg.errors.UniqueViolation as error:
            raise ImportFileError(f"{path}.wa_id: the number belongs to another person already") from error

    def _document(self, document: DocumentRow, n: int) -> None:
        project_id = self._id("project", document.project, f"documents[{n}].project")
        task_id = self._id("task", document.task, f"documents[{n}].task") if document.task else None
        if task_id and self._value("task_project", {"task_id": task_id}) != project_id:
            raise ImportFileError(f"documents[{n}].task: is no task of project {document.project!r}")
        data = (self._folder / document.file).read_bytes()
        media = {
            "sha256": self._store(data),
            "mime_type": mime_type(data, document.file),
            "size_bytes": len(data),
        }
        media_id = self._value("put_media", media)
        self._value(
            "put_document",
            {"project_id": project_id, "task_id": task_id, "kind": document.kind, "title": document.title,
             "file_name": Path(document.file).name, "media_id": media_id, "position": n},
        )  # fmt: skip

    def _value(self, query: str, params: dict[str, object]) -> UUID:
        row = self._connection.execute(QUERIES[query], params).fetchone()
        if row is None:
            raise LookupError(query)
        found = row[0]
        assert isinstance(found, UUID)
        return found

    def _id(self, kind: Literal["user", "project", "task"], ref: str, path: str) -> UUID:
        row = self._connection.execute(QUERIES[f"{kind}_of_ref"], {"ref": ref}).fetchone()
        if row is None:
            raise ImportFileError(f"{path}: there is no {kind} {ref!r}")
        found = row[0]
        assert isinstance(found, UUID)
        return found


MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
    b"GIF8": "image/gif",
}


def mime_type(data: bytes, name: str) -> str:
    """By content where it is known, else by the name."""
    for magic, found in MAGIC.items():
        if data.startswith(magic):
            return found
    guessed = mimetypes.guess_type(name)[0]
    return guessed if guessed and guessed not in MAGIC.values() else "application/octet-stream"


def _path(loc: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".") or "the file"


def _doubles(found: ImportFile) -> Iterable[str]:
    for kind, values in {
        "users": [(n, "ref", row.ref) for n, row in enumerate(found.users)],
        "projects": [(n, "ref", row.ref) for n, row in enumerate(found.projects)],
        "tasks": [(n, "ref", row.ref) for n, row in enumerate(found.tasks)],
        "users ": [(n, "wa_id", row.wa_id) for n, row in enumerate(found.users)],
    }.items():
        counts = Counter(value for _, _, value in values)
        seen: set[str] = set()
        for n, name, value in values:
            if counts[value] > 1 and value in seen:
                yield f"{kind.strip()}[{n}].{name}: {value!r} stands there twice"
            seen.add(value)


def _missing_files(found: ImportFile, folder: Path) -> Iterable[str]:
    for n, row in enumerate(found.documents):
        if not (folder / row.file).is_file():
            yield f"documents[{n}].file: there is no file {row.file!r} beside the import file"
