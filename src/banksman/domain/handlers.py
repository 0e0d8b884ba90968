"""The handlers: what is answered without the agent."""

from __future__ import annotations

from uuid import UUID

from banksman.domain.documents import one_document, ref, shown
from banksman.domain.handling import Answer, Ask, handles
from banksman.domain.intents import Intent
from banksman.domain.menu import PAGE, button, due_words, menu, more, offer, status_words, task_row
from banksman.domain.office import opening_words
from banksman.domain.taps import Tap
from banksman.services import sites
from banksman.services.sites import Page, TaskDetails
from banksman.whatsapp.replies import Choice, MediaReply, Reply, TextReply


@handles(Intent.GREETING)
async def greet(ask: Ask) -> Answer:
    """Hello by name, with the menu; the first time also who is speaking."""
    name = (ask.turn.person.name or "").split(" ")[0]
    hello = ask.words("greeting", name=name) if name else ask.words("greeting-nameless")
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


@handles(Intent.LIST_PROJECTS)
async def list_projects(ask: Ask) -> Answer:
    """The person's projects, a page at a time."""
    return await _projects(ask, None)


async def _projects(ask: Ask, notice: str | None) -> Answer:
    tap = ask.tap if ask.tap and ask.tap.verb == "projects" else Tap(verb="projects")
    projects, total = await sites.list_projects(ask.scope, Page(limit=PAGE, offset=tap.page * PAGE))
    words = ask.words
    if not projects:
        human = button(words, "menu-human", Tap(verb="human"))
        return Answer(replies=(TextReply(body=words("projects-none"), buttons=(human,)),))
    end = tap.page * PAGE + len(projects)
    title = words("projects-title")
    if total > PAGE:
        title = words("projects-page", first=tap.page * PAGE + 1, last=end, total=total)
    rows = [
        Choice(
            title=project.name,
            payload=Tap(verb="tasks", target=project.id).payload,
            description=words("project-line", open=project.open_tasks),
        )
        for project in projects
    ]
    lines = [notice or title]
    if total <= 3:  # buttons say nothing beside their title
        lines += [f"{row.title}: {row.description}" for row in rows]
    following = more(words, verb="projects", tap=tap, shown=end, total=total)
    return Answer(replies=(offer(words, "\n".join(lines), rows, more=following),))


@handles(Intent.LIST_TASKS)
async def list_tasks(ask: Ask) -> Answer:
    """The person's open tasks, or all tasks of one project, a page at a time."""
    tap = ask.tap if ask.tap and ask.tap.verb == "tasks" else Tap(verb="tasks")
    if tap.target is None:
        return await _my_tasks(ask, tap, None)
    project = await sites.project_name(ask.scope, tap.target)
    if project is None:
        return await _projects(ask, ask.words("project-gone"))
    tasks, total = await sites.list_tasks(ask.scope, Page(limit=PAGE, offset=tap.page * PAGE), project_id=tap.target)
    words = ask.words
    end = tap.page * PAGE + len(tasks)
    title = words("tasks-of", project=project.name)
    if not tasks:
        title = words("tasks-none-of", project=project.name)
    elif total > PAGE:
        title = words("tasks-page", title=title, first=tap.page * PAGE + 1, last=end, total=total)
    rows = [task_row(words, task, ask.today) for task in tasks]
    if project.documents:
        hint = words("project-plans-hint", count=project.documents)
        rows.append(
            Choice(
                title=words("project-plans"),
                payload=Tap(verb="papers", target=project.id).payload,
                description=hint,
            )
        )
    following = more(words, verb="tasks", tap=tap, shown=end, total=total)
    context = {"project": {"id": str(project.id), "name": project.name}, "task": None}
    return Answer(replies=(offer(words, title, rows, more=following),), context=context)


async def _my_tasks(ask: Ask, tap: Tap, notice: str | None) -> Answer:
    tasks, total = await sites.list_tasks(ask.scope, Page(limit=PAGE, offset=tap.page * PAGE))
    words = ask.words
    if not tasks:
        projects = button(words, "menu-projects", Tap(verb="projects"))
        return Answer(replies=(offer(words, notice or words("tasks-none"), [projects]),))
    end = tap.page * PAGE + len(tasks)
    title = notice or words("tasks-mine")
    if total > PAGE:
        title = words("tasks-page", title=title, first=tap.page * PAGE + 1, last=end, total=total)
    rows = [task_row(words, task, ask.today) for task in tasks]
    following = more(words, verb="tasks", tap=tap, shown=end, total=total)
    return Answer(replies=(offer(words, title, rows, more=following),))


@handles(Intent.SHOW_TASK)
async def show_task(ask: Ask) -> Answer:
    """A task's details with its plans and photos; the tasks where it is gone."""
    target = ask.tap.target if ask.tap else None
    details = await sites.task_details(ask.scope, target) if target else None
    if details is None:
        return await _my_tasks(ask, Tap(verb="tasks"), ask.words("task-gone") if target else None)
    line = details.line
    context = {
        "project": {"id": str(line.project_id), "name": line.project},
        "task": {"id": str(line.id), "title": line.title},
    }
    return Answer(replies=_task_replies(ask, details), context=context)


def _task_replies(ask: Ask, details: TaskDetails) -> tuple[Reply, ...]:
    words, line, files = ask.words, details.line, details.documents
    body = [
        f"*{line.title}*",
        words("task-project", project=line.project),
        words("task-status", status=status_words(words, line)),
        words("task-due", due=due_words(words, line, ask.today)),
    ]
    if details.description:
        body.append(f"\n{details.description}")
    steps = (
        button(words, "task-list", Tap(verb="tasks", target=line.project_id)),
        button(words, "menu-menu", Tap(verb="menu")),
    )
    text = "\n".join(body)
    if len(files) == 1 and len(text) <= 900:  # one bubble: the file with the details under it
        return (MediaReply(media=ref(files[0]), caption=text, buttons=steps),)
    pictures = shown(words, line.title, files, page=0, more_tap=Tap(verb="plans", target=line.id), back=None)
    if not files or pictures is None:
        return (TextReply(body=text, buttons=steps),)
    plans = button(words, "task-plans", Tap(verb="plans", target=line.id))
    with_plans = TextReply(body=text, buttons=(plans, *steps))
    return (with_plans, *pictures[:1]) if pictures[0].kind == "carousel" else (with_plans,)


@handles(Intent.SHOW_PLANS)
async def show_plans(ask: Ask) -> Answer:
    """The plans, photos and papers of a task or of a project, or one of them."""
    tap, words = ask.tap, ask.words
    target = tap.target if tap else _task_in_talk(ask)
    if target is None:
        return await _my_tasks(ask, Tap(verb="tasks"), None)
    if tap and tap.verb == "plan":
        found = await sites.document(ask.scope, target)
        if found is None:
            return Answer(replies=(menu(words, words("plan-gone"), waiting=_waiting(ask)),))
        return Answer(replies=(one_document(words, found),))
    if tap and tap.verb == "papers":
        project = await sites.project_name(ask.scope, target)
        title = project.name if project else ""
        files = await sites.project_documents(ask.scope, target) if project else ()
        back = button(words, "task-list", Tap(verb="tasks", target=target))
    else:
        details = await sites.task_details(ask.scope, target)
        title = details.line.title if details else ""
        files = details.documents if details else ()
        back = button(words, "plan-task", Tap(verb="task", target=target))
    page = tap.page if tap else 0
    again = Tap(verb=tap.verb if tap else "plans", target=target, page=page)
    replies = shown(words, title, files, page=page, more_tap=again, back=back)
    if not replies:
        return Answer(replies=(menu(words, words("plans-none" if title else "plan-gone"), waiting=_waiting(ask)),))
    return Answer(replies=replies)


@handles(Intent.SPEAK_TO_HUMAN)
async def speak_to_human(ask: Ask) -> Answer:
    """At once and without a confirmation: the office is told, and the person hears when to expect somebody."""
    words = ask.words
    when = opening_words(ask.office, ask.now, words)
    if ask.turn.handoff:
        body = words("human-already")
    elif ask.office.is_open(ask.now) or when is None:
        body = words("human-open")
    else:
        body = words("human-closed", when=when)
    back = button(words, "menu-back", Tap(verb="back"))
    return Answer(replies=(TextReply(body=body, buttons=(back,)),), handoff_reason="asked")


def _waiting(ask: Ask) -> bool:
    return ask.turn.handoff is not None


def _task_in_talk(ask: Ask) -> UUID | None:
    task = ask.turn.session.context.get("task")
    return UUID(task["id"]) if isinstance(task, dict) and "id" in task else None
