"""The handlers: what is answered without the agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from banksman.domain.documents import one_document, ref, shown
from banksman.domain.handling import Answer, Ask, handles
from banksman.domain.intents import Intent
from banksman.domain.menu import (
    PAGE,
    ROWS,
    bold,
    button,
    due_words,
    fitting,
    listed,
    menu,
    more,
    offer,
    page_of,
    status_words,
    task_row,
)
from banksman.domain.office import opening_words
from banksman.domain.taps import Tap
from banksman.services import sites
from banksman.services.sites import Document, TaskDetails
from banksman.whatsapp.limits import cut, line, visible
from banksman.whatsapp.replies import Choice, MediaReply, Reply, TextReply, width

WITH_BUTTONS = 1000  # characters above buttons, a few below WhatsApp's 1024


@handles(Intent.GREETING)
async def greet(ask: Ask) -> Answer:
    """Hello by name, with the menu; the first time also who is speaking."""
    name = cut((line(ask.turn.person.name or "").split() or [""])[0], 40)
    hello = ask.words("greeting", name=name) if visible(name) else ask.words("greeting-nameless")
    if not ask.turn.introduced:
        hello = f"{hello} {ask.words('introduction')}"
    body = f"{hello}\n{ask.words('menu-body')}"
    return Answer(replies=(menu(ask.words, body, waiting=_waiting(ask)),), introduced=True)


@handles(Intent.SHOW_MENU)
async def show_menu(ask: Ask) -> Answer:
    """The menu; after "Back to the assistant" the assistant answers again; after "Help" what it can do."""
    verb = ask.tap.verb if ask.tap else "menu"
    if verb == "back":
        return Answer(replies=(menu(ask.words, ask.words("human-back")),), release_handoff=True)
    body = ask.words("help" if verb == "help" else "menu-body")
    return Answer(replies=(menu(ask.words, body, waiting=_waiting(ask)),))


@handles(Intent.THANKS)
async def welcome(ask: Ask) -> Answer:
    """Thanks are answered, with a next step."""
    return Answer(replies=(menu(ask.words, ask.words("thanks"), waiting=_waiting(ask)),))


@handles(Intent.LIST_PROJECTS)
async def list_projects(ask: Ask) -> Answer:
    """The person's projects, a page at a time."""
    return await _projects(ask, None)


async def _projects(ask: Ask, notice: str | None) -> Answer:
    words, tap = ask.words, _tap(ask, "projects")
    found, total = await sites.list_projects(ask.scope, page_of(tap))
    if not found and tap.page:  # a page of old, beyond the last one
        return await _projects(replace(ask, tap=replace(tap, page=0)), notice)
    if not found:
        human = button(words, "menu-human", Tap(verb="human"))
        return Answer(replies=(TextReply(body=words("projects-none"), buttons=(human,)),))
    projects = fitting(found, tap, total)
    first, end = tap.page * PAGE + 1, tap.page * PAGE + len(projects)
    title = words("projects-title") if total <= ROWS else words("projects-page", first=first, last=end, total=total)
    rows = [
        Choice(
            title=project.name,
            payload=Tap(verb="tasks", target=project.id).payload,
            description=words("project-line", open=project.open_tasks),
        )
        for project in projects
    ]
    return Answer(replies=(listed(words, notice or title, rows, more=more(words, tap, shown=end, total=total)),))


@handles(Intent.LIST_TASKS)
async def list_tasks(ask: Ask) -> Answer:
    """The person's open tasks, or all tasks of one project, a page at a time."""
    tap = _tap(ask, "tasks")
    if tap.target is None:
        return await _tasks(ask, tap, ask.words("tasks-mine"), ask.words("tasks-none"))
    project = await sites.project_name(ask.scope, tap.target)
    if project is None:
        return await _projects(replace(ask, tap=None), ask.words("project-gone"))
    extra: list[Choice] = []
    if project.documents:
        hint = ask.words("project-plans-hint", count=project.documents)
        papers = Tap(verb="papers", target=project.id).payload
        extra = [Choice(title=ask.words("project-plans"), payload=papers, description=hint)]
    none = ask.words("tasks-none-of", project=project.name)
    answer = await _tasks(ask, tap, bold(project.name), none, extra=extra)
    return replace(answer, context={"project": {"id": str(project.id), "name": project.name}, "task": None})


async def _tasks(ask: Ask, tap: Tap, title: str, none: str, *, extra: Sequence[Choice] = ()) -> Answer:
    """A page of the tasks that `tap` asks for under `title`; `none` where there are none."""
    words = ask.words
    found, total = await sites.list_tasks(ask.scope, page_of(tap), project_id=tap.target)
    if not found and tap.page:  # a page of old, beyond the last one
        return await _tasks(ask, replace(tap, page=0), title, none, extra=extra)
    if not found:
        projects = button(words, "menu-projects", Tap(verb="projects"))
        return Answer(replies=(offer(words, none, [*extra, projects]),))
    room = ROWS - len(extra)
    tasks = fitting(found, tap, total, room=room)
    first, end = tap.page * PAGE + 1, tap.page * PAGE + len(tasks)
    if total > room:
        title = words("tasks-page", title=title, first=first, last=end, total=total)
    rows = [*(task_row(words, task, ask.today) for task in tasks), *extra]
    return Answer(replies=(listed(words, title, rows, more=more(words, tap, shown=end, total=total)),))


@handles(Intent.SHOW_TASK)
async def show_task(ask: Ask) -> Answer:
    """A task's details with its plans and photos; the tasks where it is gone."""
    target = ask.tap.target if ask.tap else None
    details = await sites.task_details(ask.scope, target) if target else None
    if details is None:
        return await _my_tasks(ask, gone=target is not None)
    task = details.line
    context = {
        "project": {"id": str(task.project_id), "name": task.project},
        "task": {"id": str(task.id), "title": task.title},
    }
    return Answer(replies=_task_replies(ask, details), context=context)


async def _my_tasks(ask: Ask, *, gone: bool) -> Answer:
    title = ask.words("task-gone" if gone else "tasks-mine")
    return await _tasks(ask, Tap(verb="tasks"), title, ask.words("tasks-none"))


def _task_replies(ask: Ask, details: TaskDetails) -> tuple[Reply, ...]:
    words, task, files = ask.words, details.line, details.documents
    due = due_words(words, task, ask.today)
    head = "\n".join(
        [
            bold(cut(task.title, 200)),
            words("task-project", project=cut(task.project, 100)),
            words("task-status", status=status_words(words, task)),
            due[:1].upper() + due[1:],
        ]
    )
    # One bubble holds it all: what is long is told short, and in full in the office's papers.
    description = cut(details.description or "", WITH_BUTTONS - width(head) - 2)
    text = f"{head}\n\n{description}".strip()
    steps = (
        button(words, "task-list", Tap(verb="tasks", target=task.project_id)),
        button(words, "menu-menu", Tap(verb="menu")),
    )
    if len(files) == 1:  # the file with the details under it
        return (MediaReply(media=ref(files[0]), caption=text, buttons=steps),)
    if not files:
        return (TextReply(body=text, buttons=steps),)
    plans = button(words, "task-plans", Tap(verb="plans", target=task.id))
    pictures = shown(words, cut(task.title, 200), files, Tap(verb="plans", target=task.id))[0]
    details_text = TextReply(body=text, buttons=(plans, *steps))
    return (details_text, pictures) if pictures.kind == "carousel" else (details_text,)


@handles(Intent.SHOW_PLANS)
async def show_plans(ask: Ask) -> Answer:
    """The plans, photos and papers of a task or of a project, or one of them."""
    words = ask.words
    tap = ask.tap or Tap(verb="plans", target=_task_in_talk(ask))
    if tap.target is None:
        return await _my_tasks(ask, gone=False)
    if tap.verb == "plan":
        found = await sites.document(ask.scope, tap.target)
        replies: tuple[Reply, ...] = (one_document(words, found),) if found else ()
        return Answer(replies=replies or (menu(words, words("plan-gone"), waiting=_waiting(ask)),))
    title, files = await (_of_project if tap.verb == "papers" else _of_task)(ask, tap.target)
    none = words("plans-none" if title else "plan-gone")
    return Answer(replies=shown(words, title, files, tap) or (menu(words, none, waiting=_waiting(ask)),))


async def _of_project(ask: Ask, project_id: UUID) -> tuple[str, tuple[Document, ...]]:
    project = await sites.project_name(ask.scope, project_id)
    return (project.name, await sites.project_documents(ask.scope, project_id)) if project else ("", ())


async def _of_task(ask: Ask, task_id: UUID) -> tuple[str, tuple[Document, ...]]:
    details = await sites.task_details(ask.scope, task_id)
    return (cut(details.line.title, 200), details.documents) if details else ("", ())


@handles(Intent.SPEAK_TO_HUMAN)
async def speak_to_human(ask: Ask) -> Answer:
    """At once and without a confirmation: the office is told, and the person hears when to expect somebody."""
    words = ask.words
    when = opening_words(ask.office, ask.now, words, zone=ask.turn.person.time_zone)
    if ask.turn.handoff:
        body = words("human-already")
    elif ask.office.is_open(ask.now) or when is None:
        body = words("human-open")
    else:
        body = words("human-closed", when=when)
    back = button(words, "menu-back", Tap(verb="back"))
    return Answer(replies=(TextReply(body=body, buttons=(back,)),), handoff_reason="asked")


def _tap(ask: Ask, verb: str) -> Tap:
    """The tap where it is of this verb, else as if it had been tapped."""
    return ask.tap if ask.tap and ask.tap.verb == verb else Tap(verb=verb)


def _waiting(ask: Ask) -> bool:
    return ask.turn.handoff is not None


def _task_in_talk(ask: Ask) -> UUID | None:
    task = ask.turn.session.context.get("task")
    return UUID(task["id"]) if isinstance(task, dict) and "id" in task else None
