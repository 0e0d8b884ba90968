"""Plans, photos and papers as replies: a carousel where there are two pictures or more, else one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from banksman.domain.menu import PAGE, bold, button, more, offer
from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.services.sites import Document
from banksman.whatsapp.replies import Card, CarouselReply, Choice, MediaRef, MediaReply, Reply

CARDS = 10  # WhatsApp's most


def ref(document: Document) -> MediaRef:
    """The stored file of a document."""
    return MediaRef(media_id=document.media_id, mime_type=document.mime_type, file_name=document.file_name)


def back_from(words: Words, document: Document) -> Choice:
    """The button that leads from a file to its task, or to its project's tasks."""
    if document.task_id:
        return button(words, "plan-task", Tap(verb="task", target=document.task_id))
    return button(words, "task-list", Tap(verb="tasks", target=document.project_id))


def one_document(words: Words, document: Document, *, following: Choice | None = None) -> MediaReply:
    """One file with its title, the way back, and what comes after it."""
    steps = (following, back_from(words, document), button(words, "menu-menu", Tap(verb="menu")))
    return MediaReply(media=ref(document), caption=bold(document.title), buttons=tuple(step for step in steps if step))


def sheets(files: Sequence[Document]) -> tuple[tuple[Document, ...], ...]:
    """The files as they are shown one after the other: pictures a carousel at a time, then papers a list at a time."""
    pictures = [file for file in files if file.is_picture]
    papers = [file for file in files if not file.is_picture]
    cut = [pictures[start : start + CARDS] for start in range(0, len(pictures), CARDS)]
    cut += [papers[start : start + PAGE] for start in range(0, len(papers), PAGE)]
    return tuple(tuple(sheet) for sheet in cut)


def shown(words: Words, title: str, files: Sequence[Document], tap: Tap) -> tuple[Reply, ...]:
    """The sheet that `tap`'s page names, with a first list of papers beside the last pictures; empty without files.

    A page beyond the last one is the first.
    """
    cut = sheets(files)
    if not cut:
        return ()
    page = tap.page if tap.page < len(cut) else 0
    here = cut[page]
    rest = cut[page + 1] if page + 1 < len(cut) and here[0].is_picture and not cut[page + 1][0].is_picture else ()
    last = page + bool(rest)
    seen = sum(len(sheet) for sheet in cut[: last + 1])
    following = more(words, replace(tap, page=last), shown=seen, total=len(files))
    heading = words("plans-title", title=title)
    if len(here) == 1 and not rest:
        return (one_document(words, here[0], following=following),)
    if not here[0].is_picture:
        return (_list(words, heading, here, following),)
    pictures: Reply = one_document(words, here[0]) if len(here) == 1 else _carousel(words, heading, here)
    if rest or following:
        return pictures, _list(words, heading, rest or here[:0], following, back=back_from(words, here[0]))
    return (pictures,)


def _carousel(words: Words, heading: str, pictures: Sequence[Document]) -> CarouselReply:
    cards = tuple(
        Card(image=ref(file), body=file.title, button=Choice(title=words("plan-open"), payload=_tap(file)))
        for file in pictures
    )
    return CarouselReply(body=heading, cards=cards)


def _list(
    words: Words, heading: str, papers: Sequence[Document], following: Choice | None, *, back: Choice | None = None
) -> Reply:
    rows = [Choice(title=file.title, payload=_tap(file), description=file.file_name) for file in papers]
    back = back or back_from(words, papers[0])
    return offer(words, heading, [*rows, *([following] if following else []), back][:10])


def _tap(file: Document) -> str:
    return Tap(verb="plan", target=file.id).payload
