"""Lists, pages and pictures: how many there are decides the form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.running import BOB, World, world

Started = Callable[..., Awaitable[World]]


@pytest.fixture
async def started(urls: tuple[str, str], tmp_path: Path) -> AsyncIterator[Started]:
    """Starts a service for Bob with so many projects, tasks of the first one, and pictures of its first task."""
    async with AsyncExitStack() as stack:

        async def start(projects: int = 1, tasks: int = 0, pictures: int = 0, papers: int = 0) -> World:
            for n in range(pictures):
                Image.new("RGB", (8, 8), (n, 0, 0)).save(tmp_path / f"p{n}.png")
            for n in range(papers):
                (tmp_path / f"d{n}.pdf").write_bytes(b"%PDF-1.4 " + bytes([n]))
            documents = [
                {"project": "p0", "task": "t0", "kind": "photo", "title": f"Photo {n}", "file": f"p{n}.png"}
                for n in range(pictures)
            ] + [
                {"project": "p0", "task": "t0", "kind": "document", "title": f"Paper {n}", "file": f"d{n}.pdf"}
                for n in range(papers)
            ]
            crew: dict[str, Any] = {
                "users": [{"ref": "bob", "wa_id": BOB, "name": "Bob Hill", "time_zone": "Europe/London"}],
                "projects": [{"ref": f"p{n}", "name": f"Site {n:02}", "members": ["bob"]} for n in range(projects)],
                "tasks": [{"ref": f"t{n}", "project": "p0", "title": f"Task {n:02} of the long wall, north side"}
                          for n in range(tasks)],
                "documents": documents,
            }  # fmt: skip
            return await stack.enter_async_context(world(urls, tmp_path, crew=crew))

        yield start


def choices(reply: dict[str, Any]) -> dict[str, str]:
    """Titles and payloads of what can be tapped."""
    action = reply["payload"]["interactive"]["action"]
    buttons = [b["reply"] for b in action.get("buttons", [])]
    return {
        item["title"]: item["id"] for item in [*buttons, *(r for s in action.get("sections", []) for r in s["rows"])]
    }


def form(reply: dict[str, Any]) -> str:
    """The kind of message."""
    payload = reply["payload"]
    return str(payload["interactive"]["type"] if payload["type"] == "interactive" else payload["type"])


@pytest.mark.parametrize(
    ("count", "expected"), [(1, "button"), (2, "button"), (3, "button"), (4, "list"), (8, "list"), (25, "list")]
)
async def test_up_to_three_projects_are_buttons_and_more_are_a_list(
    started: Started, count: int, expected: str
) -> None:
    here = await started(projects=count)
    (reply,) = await here.replies(await here.write(BOB, "my projects"))
    assert form(reply) == expected
    assert len([title for title in choices(reply) if title.startswith("Site")]) == min(count, 8)


async def test_every_row_is_reached_by_turning_pages(started: Started) -> None:
    here = await started(tasks=25)
    (reply,) = await here.replies(await here.write(BOB, "my tasks"))
    seen: list[str] = []
    for _ in range(4):
        offered = choices(reply)
        seen += [payload for payload in offered.values() if payload.startswith("task:")]
        if "More…" not in offered:
            break
        (reply,) = await here.replies(await here.tap(BOB, offered["More…"]))
    assert len(seen) == len(set(seen)) == 25


async def test_no_project_and_no_task_still_leave_a_next_step(started: Started) -> None:
    here = await started(projects=0)
    (projects,) = await here.replies(await here.write(BOB, "my projects"))
    assert "human" in choices(projects).values()
    (tasks,) = await here.replies(await here.write(BOB, "my tasks"))
    assert choices(tasks)


@pytest.mark.parametrize(
    ("pictures", "papers", "forms"),
    [
        (0, 0, ["button"]),
        (1, 0, ["button"]),
        (2, 0, ["button", "carousel"]),
        (0, 1, ["button"]),
        (0, 2, ["button"]),
        (3, 2, ["button", "carousel"]),
        (12, 0, ["button", "carousel"]),
    ],
)
async def test_a_task_comes_with_its_pictures(started: Started, pictures: int, papers: int, forms: list[str]) -> None:
    here = await started(tasks=1, pictures=pictures, papers=papers)
    (task,) = await here.rows("select id from banksman.tasks")
    replies = await here.replies(await here.tap(BOB, f"task:{task['id']}"))
    assert [form(reply) for reply in replies] == forms
    header = replies[0]["payload"]["interactive"].get("header", {}).get("type")
    assert header == {(1, 0): "image", (0, 1): "document"}.get((pictures, papers))


async def test_more_pictures_than_a_carousel_holds_are_paged(started: Started) -> None:
    here = await started(tasks=1, pictures=12)
    (task,) = await here.rows("select id from banksman.tasks")
    first, rest = await here.replies(await here.tap(BOB, f"plans:{task['id']}"))
    assert len(first["payload"]["interactive"]["action"]["cards"]) == 10
    (second,) = await here.replies(await here.tap(BOB, choices(rest)["More…"]))
    assert len(second["payload"]["interactive"]["action"]["cards"]) == 2


async def test_one_picture_opens_alone_with_a_way_back(started: Started) -> None:
    here = await started(tasks=1, pictures=2)
    (document,) = await here.rows("select id from banksman.documents order by title limit 1")
    (reply,) = await here.replies(await here.tap(BOB, f"plan:{document['id']}"))
    assert reply["payload"]["interactive"]["header"]["type"] == "image"
    assert "Back to the task" in choices(reply)
