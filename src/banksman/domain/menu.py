"""The menu, lists in pages, and how tasks and days are put in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.services.sites import TaskLine
from banksman.whatsapp.replies import Choice, ListReply, TextReply, choices

PAGE = 8  # rows of a page; with "More…" and one row more it stays within WhatsApp's 10


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


def more(words: Words, *, verb: str, tap: Tap, shown: int, total: int) -> Choice | None:
    """ "More…" after a page that ends with row `shown` of `total`; None after the last one."""
    if shown >= total:
        return None
    return Choice(
        title=words("menu-more"),
        payload=Tap(verb=verb, target=tap.target, page=tap.page + 1).payload,
        description=words("menu-more-hint", left=total - shown),
    )


def status_words(words: Words, line: TaskLine) -> str:
    """`40 % done`."""
    return words(f"status-{line.status}", progress=line.progress)


def due_words(words: Words, line: TaskLine, today: date) -> str:
    """`due 4 Dec`, `3 days late`."""
    if line.due is None:
        return words("due-none")
    if line.status != "done" and line.due < today:
        return words("due-late", days=(today - line.due).days)
    if line.due == today:
        return words("due-today")
    return words("due-on", date=words.day(line.due))


def task_row(words: Words, line: TaskLine, today: date) -> Choice:
    """A task as a row of a list."""
    status, due = status_words(words, line), due_words(words, line, today)
    description = status if line.status == "done" else words("task-line", status=status, due=due)
    return Choice(title=line.title, payload=Tap(verb="task", target=line.id).payload, description=description)
