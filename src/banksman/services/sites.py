"""Projects, tasks and documents, as their members may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from banksman.database.pool import Scope
from banksman.database.queries import Queries

QUERIES = Queries("banksman.services")
SHOWN_IMAGES = ("image/jpeg", "image/png")  # what WhatsApp shows as a picture


@dataclass(frozen=True, kw_only=True)
class Project:
    """A site that the person works on."""

    id: UUID
    name: str
    address: str | None
    tasks: int
    open_tasks: int
    progress: int | None  # mean of its tasks, percent; None without tasks


@dataclass(frozen=True, kw_only=True)
class TaskLine:
    """A task as a list shows it."""

    id: UUID
    project_id: UUID
    project: str
    title: str
    status: str  # open, in_progress, blocked, done
    progress: int  # percent
    due: date | None
    mine: bool  # the person is assigned to it


@dataclass(frozen=True, kw_only=True)
class Document:
    """A plan, a photo or a paper."""

    id: UUID
    kind: str  # plan, photo, document
    title: str
    file_name: str
    media_id: UUID
    mime_type: str
    task_id: UUID | None = None
    project_id: UUID | None = None

    @property
    def is_picture(self) -> bool:
        """Whether WhatsApp shows it as a picture."""
        return self.mime_type in SHOWN_IMAGES


@dataclass(frozen=True, kw_only=True)
class TaskDetails:
    """A task with all that is to be known of it."""

    line: TaskLine
    description: str | None
    documents: tuple[Document, ...]


@dataclass(frozen=True, kw_only=True)
class ProjectName:
    """A project's name, and how many papers of its own it has."""

    id: UUID
    name: str
    documents: int


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part of a list: `limit` rows from row `offset` on."""

    limit: int
    offset: int = 0


async def list_projects(scope: Scope, page: Page) -> tuple[tuple[Project, ...], int]:
    """The person's projects by name, and how many there are in all."""
    rows = await scope.fetch(QUERIES["list_projects"], {"limit": page.limit, "offset": page.offset})
    projects = tuple(
        Project(id=r["id"], name=r["name"], address=r["address"], tasks=r["tasks"], open_tasks=r["open_tasks"],
                progress=r["progress"])
        for r in rows
    )  # fmt: skip
    return projects, rows[0]["total"] if rows else 0


async def list_tasks(scope: Scope, page: Page, *, project_id: UUID | None = None) -> tuple[tuple[TaskLine, ...], int]:
    """Tasks by due date, open ones first, and how many there are in all.

    Of one project all; else the person's own open ones, or where none is theirs the open ones of their projects.
    """
    rows = await scope.fetch(
        QUERIES["list_tasks"], {"project_id": project_id, "limit": page.limit, "offset": page.offset}
    )
    return tuple(_line(row) for row in rows), rows[0]["total"] if rows else 0


async def project_name(scope: Scope, project_id: UUID) -> ProjectName | None:
    """The project, or None where it is not the person's."""
    row = await scope.one(QUERIES["project_name"], {"project_id": project_id})
    return ProjectName(id=row["id"], name=row["name"], documents=row["documents"]) if row else None


async def task_details(scope: Scope, task_id: UUID) -> TaskDetails | None:
    """The task with its documents, or None where it is not the person's to see."""
    row = await scope.one(QUERIES["task_details"], {"task_id": task_id})
    if row is None:
        return None
    documents = tuple(
        Document(
            id=UUID(d["id"]), kind=d["kind"], title=d["title"], file_name=d["file_name"], media_id=UUID(d["media_id"]),
            mime_type=d["mime_type"], task_id=row["id"], project_id=row["project_id"],
        )
        for d in row["documents"]
    )  # fmt: skip
    return TaskDetails(line=_line(row), description=row["description"], documents=documents)


async def project_documents(scope: Scope, project_id: UUID) -> tuple[Document, ...]:
    """The papers of a project that belong to no single task."""
    return tuple(Document(**row) for row in await scope.fetch(QUERIES["project_documents"], {"project_id": project_id}))


async def document(scope: Scope, document_id: UUID) -> Document | None:
    """One document, or None where it is not the person's to see."""
    row = await scope.one(QUERIES["document"], {"document_id": document_id})
    return Document(**row) if row else None


async def titles(scope: Scope, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The titles of projects, tasks and documents, as far as the person may see them."""
    rows = await scope.fetch(QUERIES["titles"], {"ids": list(ids)})
    return {row["id"]: row["title"] for row in rows}


def _line(row: Mapping[str, Any]) -> TaskLine:
    return TaskLine(
        id=row["id"], project_id=row["project_id"], project=row["project"], title=row["title"], status=row["status"],
        progress=row["progress"], due=row["due"], mine=row["mine"],
    )  # fmt: skip
