"""The agent's tools: what Claude may call in a turn, over the same services and rights as the handlers.

The model names things by handles. A tool resolves them in the session and reads under the person's rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from banksman.agent.handles import Handle, Handles
from banksman.agent.types import Json, Tool, ToolError
from banksman.database.pool import Scope
from banksman.domain.taps import Tap
from banksman.services import sites
from banksman.services.sites import Page, TaskLine
from banksman.whatsapp.replies import Choice

MOST = 40  # rows that a tool gives at a time
OPENS = {"project": "tasks", "task": "task", "document": "plan"}  # what a tap on a shown thing does

# What the agent may offer at the end of an answer: its name, what it means to the model, where it leads.
ACTIONS = {
    "my_projects": ("the list of the user's projects", Tap(verb="projects"), "menu-projects"),
    "my_tasks": ("the list of the user's open tasks", Tap(verb="tasks"), "menu-tasks"),
    "menu": ("everything that can be tapped", Tap(verb="menu"), "menu-menu"),
    "speak_with_a_human": ("somebody from the office takes over", Tap(verb="human"), "menu-human"),
}

ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
HANDLE = re.compile(r"[\[(]?\b([PTD]\d{1,6})\b[\])]?", re.IGNORECASE)


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListProjects(_Input):
    """Nothing is needed."""


class ListTasks(_Input):
    """Which tasks."""

    project: Annotated[
        str | None,
        Field(description="Handle of a project (P1) for all of its tasks; leave out for the user's own open tasks."),
    ] = None


class TaskDetails(_Input):
    """Which task."""

    task: Annotated[str, Field(description="Handle of the task (T4).")]


class Toolbox:
    """The tools of one turn, and what they have shown so far."""

    def __init__(self, scope: Scope, stored: Iterable[tuple[str, str, UUID]], today: date) -> None:
        self._scope = scope
        self._today = today
        self.handles = Handles(
            Handle(name=name, kind=kind, target=target)  # type: ignore[arg-type]  # the table's check holds the kinds
            for name, kind, target in stored
        )
        self._titles: dict[str, str] = {}
        self._data: list[str] = []  # whatever the data itself says

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the model may call."""
        return (
            Tool(
                name="list_projects",
                description="The user's projects (building sites), each with its handle, open tasks and mean progress.",
                access="read",
                input_model=ListProjects,
                run=self._list_projects,
            ),
            Tool(
                name="list_tasks",
                description="The user's open tasks, or all tasks of one project: handle, title, status, progress in "
                "percent, due date, days late.",
                access="read",
                input_model=ListTasks,
                run=self._list_tasks,
            ),
            Tool(
                name="get_task_details",
                description="One task with its description and the titles of its plans, photos and papers.",
                access="read",
                input_model=TaskDetails,
                run=self._task_details,
            ),
        )

    def choice(self, handle: str) -> Choice | None:
        """The thing of a handle as something to tap; None for one that was not shown in this turn."""
        found = self.handles.find(handle)
        if found is None or found.name not in self._titles:
            return None
        tap = Tap(verb=OPENS[found.kind], target=found.target)
        return Choice(title=self._titles[found.name], payload=tap.payload)

    async def recall(self, text: str, shown: Iterable[str]) -> None:
        """Reads the titles of things that an answer names and that only earlier turns have shown."""
        named = [match[1] for match in HANDLE.finditer(text)]
        handles = [found for name in [*named, *shown] if (found := self.handles.find(name))]
        unknown = {handle.target: handle.name for handle in handles if handle.name not in self._titles}
        if unknown:
            for target, title in (await sites.titles(self._scope, list(unknown))).items():
                self._titles[unknown[target]] = title

    def spoken(self, text: str) -> str:
        """The model's words without ids, and with titles in the place of handles.

        What the data itself says stays: "D12 rebar" is honest talk where a task speaks of it.
        """
        data = "\n".join(self._data)

        def title(match: re.Match[str]) -> str:
            found = self.handles.find(match[1])
            if found is None or re.search(rf"\b{match[1]}\b", data, re.IGNORECASE):
                return match[0]
            return self._titles.get(found.name, "")

        cleaned = HANDLE.sub(title, ID.sub("", text))
        return re.sub(r"[ \t]{2,}", " ", re.sub(r"\(\s*\)|\[\s*\]", "", cleaned)).strip()

    async def _list_projects(self, _: ListProjects) -> Json:
        projects, total = await sites.list_projects(self._scope, Page(limit=MOST))
        rows: list[Json] = [
            {
                "handle": self._named("project", p.id, p.name),
                "name": p.name,
                "address": p.address,
                "open_tasks": p.open_tasks,
                "tasks": p.tasks,
                "progress": p.progress,
            }
            for p in projects
        ]
        return {"projects": rows, "total": total}

    async def _list_tasks(self, wanted: ListTasks) -> Json:
        project_id = self.handles.resolve(wanted.project, "project") if wanted.project else None
        tasks, total = await sites.list_tasks(self._scope, Page(limit=MOST), project_id=project_id)
        return {"tasks": [self._task(task) for task in tasks], "total": total}

    async def _task_details(self, wanted: TaskDetails) -> Json:
        details = await sites.task_details(self._scope, self.handles.resolve(wanted.task, "task"))
        if details is None:
            raise ToolError("gone", "The user cannot see that task any more.", "List the tasks again.")
        self._data.append(details.description or "")
        documents: list[Json] = [
            {"handle": self._named("document", d.id, d.title), "kind": d.kind, "title": d.title}
            for d in details.documents
        ]
        return {**self._task(details.line), "description": details.description, "documents": documents}

    def _task(self, task: TaskLine) -> dict[str, Json]:
        late = (self._today - task.due).days if task.due and task.status != "done" else 0
        return {
            "handle": self._named("task", task.id, task.title),
            "title": task.title,
            "project": task.project,
            "project_handle": self._named("project", task.project_id, task.project),
            "status": task.status,
            "progress": task.progress,
            "due": task.due.isoformat() if task.due else None,
            "days_late": max(late, 0),
            "assigned_to_user": task.mine,
        }

    def _named(self, kind: str, target: UUID, title: str) -> str:
        name = self.handles.of(kind, target)  # type: ignore[arg-type]  # one of the three kinds above
        self._titles[name] = title
        self._data.append(title)
        return name
