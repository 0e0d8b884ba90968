"""Plans, photos and papers as replies: a carousel where there are two pictures or more, else one file."""

from __future__ import annotations

from collections.abc import Sequence

from banksman.domain.menu import button, more, offer
from banksman.domain.taps import Tap
from banksman.domain.words import Words
from banksman.services.sites import Document
from banksman.whatsapp.replies import Card, CarouselReply, Choice, MediaRef, MediaReply, Reply

CARDS = 10  # WhatsApp's most


def ref(document: Document) -> MediaRef:
    """The stored file of a document."""
    return MediaRef(media_id=document.media_id, mime_type=document.mime_type, file_name=document.file_name)


def one_document(words: Words, document: Document, *, back: Choice | None = None) -> MediaReply:
    """One file with its title, and the way back."""
    if back is None and document.task_id:
        back = button(words, "plan-task", Tap(verb="task", target=document.task_id))
    if back is None:
        back = button(words, "task-list", Tap(verb="tasks", target=document.project_id))
    menu = button(words, "menu-menu", Tap(verb="menu"))
    return MediaReply(media=ref(document), caption=f"*{document.title}*", buttons=(back, menu))


def shown(
    words: Words, title: str, files: Sequence[Document], *, page: int, more_tap: Tap, back: Choice | None
) -> tuple[Reply, ...]:
    """The files of one page: at most a carousel and a list of what is no picture; empty without files."""
    pictures = [file for file in files if file.is_picture]
    papers = [file for file in files if not file.is_picture]
    here = pictures[page * CARDS : (page + 1) * CARDS]
    if len(files) == 1:
        return (one_document(words, files[0], back=back),)
    end = page * CARDS + len(here)
    heading = words("plans-title", title=title)
    if len(pictures) > CARDS and here:
        heading = words("plans-page", title=title, first=page * CARDS + 1, last=end, total=len(pictures))
    replies: list[Reply] = []
    rest = [_row(file) for file in papers] if page == 0 else []
    if len(here) >= 2:
        cards = tuple(
            Card(image=ref(file), body=file.title, button=Choice(title=words("plan-open"), payload=_tap(file)))
            for file in here
        )
        replies.append(CarouselReply(body=heading, cards=cards))
    else:
        rest = [*(_row(file) for file in here), *rest]
    following = more(words, verb=more_tap.verb, tap=more_tap, shown=end, total=len(pictures)) if here else None
    if rest or following:
        options = [*rest[:8], *((back,) if back else ())]
        replies.append(offer(words, heading, options, more=following))
    return tuple(replies)


def _tap(file: Document) -> str:
    return Tap(verb="plan", target=file.id).payload


def _row(file: Document) -> Choice:
    return Choice(title=file.title, payload=_tap(file), description=file.file_name)
