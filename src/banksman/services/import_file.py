"""The import file: people, projects, tasks and documents, loaded whole or not at all.

The file is the source for people, memberships and the words of tasks. What a crew or a person has made of
them since (status, progress, a chosen language) stays. Loading a file twice changes nothing.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from banksman.database.queries import Queries
from banksman.settings import is_time_zone

QUERIES = Queries("banksman.services", "import.sql")
Rows: TypeAlias = Sequence[Mapping[str, object]]


class ImportFileError(Exception):
    """The file cannot be loaded. A line for each fault, with the path of the row."""


def _number(spelled: str) -> str:
    """WhatsApp's id of a number as people write it, +33 6 00 00 00 01 for example."""
    bare = re.sub(r"[\s+()./\u2010-\u2015-]", "", spelled).removeprefix("00")
    if not re.fullmatch(r"[1-9][0-9]{4,19}", bare):
        raise ValueError("is no number with its country code; for example +33 6 00 00 00 01")
    return bare


def _zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("is no time zone; for example Europe/Paris")
    return name


def _language(code: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", code):
        raise ValueError("is no language of two small letters; for example fr")
    return code


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    return text


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


Text = Annotated[str, AfterValidator(_without_nul)]
Ref = Annotated[Text, Field(min_length=1, max_length=200)]
Title = Annotated[Text, Field(min_length=1, max_length=500)]


class UserRow(_Row):
    """A person."""

    ref: Ref
    wa_id: Annotated[str, AfterValidator(_number)]
    name: Annotated[Text, Field(min_length=1, max_length=200)]
    language: Annotated[str, AfterValidator(_language)] | None = None
    time_zone: Annotated[str, AfterValidator(_zone)] | None = None


class ProjectRow(_Row):
    """A project with its members, by their refs."""

    ref: Ref
    name: Title
    address: Text | None = None
    members: tuple[Ref, ...] = ()


class TaskRow(_Row):
    """A task; `status` and `progress` count when it is new."""

    ref: Ref
    project: Ref
    title: Title
    description: Text | None = None
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
    file: Annotated[Text, Field(min_length=1)]


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


@dataclass(frozen=True, kw_only=True)
class Known:
    """The refs that earlier imports have loaded."""

    users: frozenset[str]
    projects: frozenset[str]
    tasks: Mapping[str, str]  # with the ref of their project


def read(path: Path) -> ImportFile:
    """The file's rows, checked; raises ImportFileError with every fault that shows without the database."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFileError(f"{path}: cannot be read: {error}") from error
    try:
        found = ImportFile.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise ImportFileError("\n".join(_fault(item["loc"], item["msg"]) for item in error.errors())) from error
    faults = [*_doubles(found), *_file_faults(found, path.parent)]
    if faults:
        raise ImportFileError("\n".join(faults))
    return found


def load(connection: psycopg.Connection, found: ImportFile, *, folder: Path, store: Callable[[bytes], str]) -> Loaded:
    """Writes the rows as banksman_system, in one transaction; raises ImportFileError and writes nothing.

    `connection` is the owner's. `folder`: where the files of documents are; `store` keeps a file's bytes and
    gives their SHA-256, and is called once all rows are written, before they are committed.
    """
    files = [folder / row.file for row in found.documents]
    contents = {path: path.read_bytes() for path in dict.fromkeys(files)}
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("select set_config('role', 'banksman_system', true)")
            cursor.execute(QUERIES["lock"])
            faults = [*_taken(cursor, found), *unknown(found, _known(cursor, found))]
            if faults:
                raise ImportFileError("\n".join(faults))
            _write(cursor, found, [contents[path] for path in files])
            for data in contents.values():
                store(data)
    except psycopg.errors.UniqueViolation as error:
        raise ImportFileError("somebody wrote for the first time meanwhile: run the import again") from error
    return Loaded(
        users=len(found.users),
        projects=len(found.projects),
        tasks=len(found.tasks),
        documents=len(found.documents),
    )


def unknown(found: ImportFile, known: Known) -> Iterable[str]:
    """A fault for each ref that stands for nothing, neither in the file nor loaded before."""
    users = known.users | {row.ref for row in found.users}
    projects = known.projects | {row.ref for row in found.projects}
    tasks = {**known.tasks, **{row.ref: row.project for row in found.tasks}}
    for n, project in enumerate(found.projects):
        for i, ref in enumerate(project.members):
            if ref not in users:
                yield f"projects[{n}].members[{i}]: there is no user {ref!r}"
    for n, task in enumerate(found.tasks):
        if task.project not in projects:
            yield f"tasks[{n}].project: there is no project {task.project!r}"
        for i, ref in enumerate(task.assignees):
            if ref not in users:
                yield f"tasks[{n}].assignees[{i}]: there is no user {ref!r}"
    for n, document in enumerate(found.documents):
        if document.project not in projects:
            yield f"documents[{n}].project: there is no project {document.project!r}"
        if document.task is not None and document.task not in tasks:
            yield f"documents[{n}].task: there is no task {document.task!r}"
        elif document.task is not None and tasks[document.task] != document.project:
            yield f"documents[{n}].task: {document.task!r} is no task of project {document.project!r}"


def _known(cursor: psycopg.Cursor[tuple[object, ...]], found: ImportFile) -> Known:
    users = {ref for row in found.projects for ref in row.members} | {r for t in found.tasks for r in t.assignees}
    projects = {row.project for row in found.tasks} | {row.project for row in found.documents}
    tasks = {row.task for row in found.documents if row.task}
    params = {"users": list(users), "projects": list(projects), "tasks": list(tasks)}
    rows = cursor.execute(QUERIES["known"], params).fetchall()
    refs = {kind: {str(row[1]): str(row[2]) for row in rows if row[0] == kind} for kind in ("user", "project", "task")}
    return Known(users=frozenset(refs["user"]), projects=frozenset(refs["project"]), tasks=refs["task"])


def _taken(cursor: psycopg.Cursor[tuple[object, ...]], found: ImportFile) -> Iterable[str]:
    rows = cursor.execute(QUERIES["taken_numbers"], {"rows": Jsonb(_numbered(found.users))}).fetchall()
    return [f"users[{row[0]}].wa_id: the number belongs to another person already" for row in rows]


def _write(cursor: psycopg.Cursor[tuple[object, ...]], found: ImportFile, contents: Sequence[bytes]) -> None:
    documents = [
        {**row, "file_name": Path(given.file).name, "sha256": hashlib.sha256(data).hexdigest(),
         "mime_type": mime_type(data, given.file), "size_bytes": len(data)}
        for row, given, data in zip(_numbered(found.documents), found.documents, contents, strict=True)
    ]  # fmt: skip
    for names, rows in (
        (("free_numbers", "put_users"), _numbered(found.users)),
        (("put_projects", "end_members", "put_members"), _numbered(found.projects)),
        (("put_tasks", "move_documents", "end_assignees", "put_assignees"), _numbered(found.tasks)),
        (("put_media", "put_documents"), documents),
    ):
        for name in names:
            cursor.execute(QUERIES[name], {"rows": Jsonb(rows)})


def _numbered(rows: Sequence[_Row]) -> Rows:
    return [{"n": n, **row.model_dump(mode="json")} for n, row in enumerate(rows)]


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


def _fault(loc: Sequence[int | str], said: str) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")
    return f"{path or 'the file'}: {said.removeprefix('Value error, ')}"


def _doubles(found: ImportFile) -> Iterable[str]:
    keys: Sequence[tuple[str, Sequence[object]]] = (
        ("users[{}].ref", [row.ref for row in found.users]),
        ("users[{}].wa_id", [row.wa_id for row in found.users]),
        ("projects[{}].ref", [row.ref for row in found.projects]),
        ("tasks[{}].ref", [row.ref for row in found.tasks]),
        ("documents[{}].title", [(row.project, row.task, row.kind, row.title) for row in found.documents]),
    )
    for path, values in keys:
        first: dict[object, int] = {}
        for n, value in enumerate(values):
            if first.setdefault(value, n) != n:
                yield f"{path.format(n)}: the same as {path.format(first[value])}"


def _file_faults(found: ImportFile, folder: Path) -> Iterable[str]:
    for n, row in enumerate(found.documents):
        path = (folder / row.file).resolve()
        if not path.is_relative_to(folder.resolve()):
            yield f"documents[{n}].file: {row.file!r} is outside of the folder of the import file"
        elif not path.is_file():
            yield f"documents[{n}].file: there is no file {row.file!r} beside the import file"
        elif not os.access(path, os.R_OK):
            yield f"documents[{n}].file: {row.file!r} cannot be read"
        elif not path.stat().st_size:
            yield f"documents[{n}].file: {row.file!r} is empty"
