"""The menu, lists in pages, and how tasks and days are put in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.services.sites import Page, TaskLine
from banksman.whatsapp.limits import line
from banksman.whatsapp.replies import Choice, ListReply, TextReply, choices, width

Row = TypeVar("Row")

BUTTON = 20  # characters of a button's title
TITLE = 24  # characters of a row's title
ROWS = 10  # WhatsApp's most in a list
PAGE = 8  # rows of one page of several, beside "More…" and one row more


def menu(words: Words, body: str, *, waiting: bool = False) -> ListReply:
    """`body` with everything that can be tapped; `waiting`: a human was asked for, so there is a way back."""
    first = "back" if waiting else "human"
    entries = [("projects", "projects"), ("tasks", "tasks"), ("help", "help"), (first, first)]
    rows = tuple(
        Choice(
            title=words(f"menu-{name}"),
            payload=Tap(verb=verb).payload,
            description=None if name == "back" else words(f"menu-{name}-hint"),
        )
        for verb, name in entries
    )
    return ListReply(body=body, button=words("menu-open"), rows=rows)


def button(words: Words, key: str, tap: Tap) -> Choice:
    """A button that says `key` and does `tap`."""
    return Choice(title=words(key), payload=tap.payload)


def offer(words: Words, body: str, options: Sequence[Choice], *, more: Choice | None = None) -> TextReply | ListReply:
    """`options` and the page's `more`; with the menu added where it does not turn buttons into a list."""
    entries = [*options, *((more,) if more else ())]
    if len(entries) != 3 and len(entries) < 10:
        entries.append(button(words, "menu-menu", Tap(verb="menu")))
    return choices(body, tuple(entries), button=words("menu-open"))


def listed(words: Words, title: str, rows: Sequence[Choice], *, more: Choice | None = None) -> TextReply | ListReply:
    """`rows` under `title`. Up to three become buttons, which say nothing beside their title: so the text does."""
    few = len(rows) + bool(more) <= 3 and all(width(row.title) <= BUTTON for row in rows)
    lines = [f"{row.title}: {row.description}" for row in rows if few and row.description]
    return offer(words, "\n".join([title, *lines]), rows, more=more)


def bold(text: str) -> str:
    """`text` in WhatsApp's bold, whatever it holds."""
    return f"*{line(text).replace('*', '')}*"


def page_of(tap: Tap) -> Page:
    """The rows to read for the page that `tap` asks for: as many as a list holds, so that the last fit on it."""
    return Page(limit=ROWS, offset=tap.page * PAGE)


def fitting(rows: Sequence[Row], tap: Tap, total: int, *, room: int = ROWS) -> Sequence[Row]:
    """Those of the rows read by `page_of` that the page shows: all that are left where they fit into `room`."""
    return rows if total - tap.page * PAGE <= room else rows[:PAGE]


def more(words: Words, tap: Tap, *, shown: int, total: int) -> Choice | None:
    """The row "More…" after a page that ends with row `shown` of `total`; None after the last one."""
    if shown >= total:
        return None
    return Choice(
        title=words("menu-more"),
        payload=replace(tap, page=tap.page + 1).payload,
        description=words("menu-more-hint", left=total - shown),
    )


def status_words(words: Words, task: TaskLine) -> str:
    """`40 % done`."""
    return words(f"status-{task.status}", progress=task.progress)


def due_words(words: Words, task: TaskLine, today: date) -> str:
    """`due 4 Dec`, `3 days late`."""
    if task.due is None:
        return words("due-none")
    if task.status != "done" and task.due < today:
        return words("due-late", days=(today - task.due).days)
    if task.due == today:
        return words("due-today")
    return words("due-on", date=words.day(task.due))


def task_row(words: Words, task: TaskLine, today: date) -> Choice:
    """A task as a row of a list."""
    status, due = status_words(words, task), due_words(words, task, today)
    description = status if task.status == "done" else words("task-line", status=status, due=due)
    if width(task.title) > TITLE:  # cut in its own place, so it is told whole in the other
        description = f"{task.title} · {description}"
    return Choice(title=task.title, payload=Tap(verb="task", target=task.id).payload, description=description)
