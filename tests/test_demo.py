"""The demo crew is a believable site whose file and pictures hold together, and can be drawn again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from banksman.services.import_file import DocumentRow, ImportFile, read

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "demo"
WHATSAPP_IMAGE_LIMIT = 5 * 1024 * 1024  # Cloud API, "Media": images, JPEG and PNG of 8 bits, RGB or RGBA
FORMATS = {".png": "PNG", ".jpg": "JPEG"}


@pytest.fixture(scope="module")
def crew() -> ImportFile:
    return read(DEMO / "crew.json")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders that the script drew, one after the other."""
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    processes = [subprocess.Popen([sys.executable, ROOT / "scripts/draw_demo.py", folder]) for folder in folders]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    return folders


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_reference_leads_somewhere(crew: ImportFile) -> None:
    users = {user.ref for user in crew.users}
    members = {project.ref: set(project.members) for project in crew.projects}
    tasks = {task.ref: task.project for task in crew.tasks}
    assert len(users) == len(crew.users)
    assert len({user.wa_id for user in crew.users}) == len(users)
    assert len(tasks) == len(crew.tasks)
    assert set().union(*members.values()) == users
    for task in crew.tasks:
        assert task.assignees, f"nobody does {task.title}"
        assert set(task.assignees) <= members[task.project], f"{task.title}: an assignee is no member"
    for document in crew.documents:
        assert document.task is None or tasks[document.task] == document.project
        assert (DEMO / document.file).is_file()
    keys = Counter((document.project, document.task, document.kind, document.title) for document in crew.documents)
    assert max(keys.values()) == 1


def test_it_is_a_company_worth_showing(crew: ImportFile) -> None:
    assert {"en", "fr", "pt", "pl"} <= {user.language for user in crew.users}
    assert len({user.time_zone for user in crew.users}) >= 3
    assert len(crew.projects) == 4
    assert len(crew.tasks) >= 25
    assert len({len(project.members) for project in crew.projects}) > 1
    on_sites = Counter(member for project in crew.projects for member in project.members)
    assert min(on_sites.values()) >= 2
    assert {task.status for task in crew.tasks} == {"open", "in_progress", "blocked", "done"}
    for task in crew.tasks:
        allowed = {"open": range(1), "done": range(100, 101)}.get(task.status, range(1, 100))
        assert task.progress in allowed, f"{task.title}: {task.progress} % is not {task.status}"
        assert task.description
        assert task.description.endswith(".")
        assert task.due
        assert date(2026, 11, 15) < task.due < date(2026, 12, 21)
    late = [task for task in crew.tasks if task.status != "done" and task.due and task.due < date(2026, 11, 24)]
    assert 3 <= len(late) <= 8


def test_there_are_carousels_single_pictures_papers_and_tasks_without_any(crew: ImportFile) -> None:
    per_task: dict[str, list[DocumentRow]] = {task.ref: [] for task in crew.tasks}
    for document in crew.documents:
        if document.task:
            per_task[document.task].append(document)
    kinds = {ref: sorted(document.kind for document in found) for ref, found in per_task.items()}
    pictures = {ref: [kind for kind in found if kind != "document"] for ref, found in kinds.items()}
    assert sum(2 <= len(found) <= 5 for found in pictures.values()) >= 5
    assert max(len(found) for found in pictures.values()) >= 4
    assert ["photo"] in kinds.values()
    assert ["document"] in kinds.values()
    assert sum(not found for found in kinds.values()) >= 3
    for project in crew.projects:
        assert any(d.project == project.ref and d.task is None and d.kind == "plan" for d in crew.documents)


def test_files_are_what_they_claim_and_small_enough_for_whatsapp_and_the_repository(crew: ImportFile) -> None:
    used = {document.file for document in crew.documents}
    assert used == {f"files/{name}" for name in names(DEMO / "files")}
    assert sum((DEMO / name).stat().st_size for name in used) < 2_000_000
    for document in crew.documents:
        path = DEMO / document.file
        assert {"plan": ".png", "photo": ".jpg", "document": ".pdf"}[document.kind] == path.suffix
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF-")
            continue
        assert path.stat().st_size <= 120_000 < WHATSAPP_IMAGE_LIMIT
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == FORMATS[path.suffix]
            assert picture.size == (1000, 750)
            assert picture.mode in {"RGB", "RGBA"}
            assert len(set(picture.convert("L").resize((50, 38)).get_flattened_data())) > 20, "an empty picture"


def test_drawing_again_gives_the_same_bytes(drawn: tuple[Path, Path]) -> None:
    first, second = drawn
    assert names(first) == names(second) == names(DEMO / "files")
    for name in names(first):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_plans_in_the_repository_are_those_that_the_script_draws(drawn: tuple[Path, Path]) -> None:
    for plan in (DEMO / "files/plans").glob("*.png"):  # by pixels: compression differs between processors
        with Image.open(plan) as kept, Image.open(drawn[0] / "plans" / plan.name) as again:
            assert kept.convert("RGB").tobytes() == again.convert("RGB").tobytes(), plan.name


def test_the_file_is_one_row_a_line_so_that_a_change_is_seen() -> None:
    text = (DEMO / "crew.json").read_text()
    rows = sum(len(rows) for rows in json.loads(text).values())
    assert sum(line.lstrip().startswith("{") for line in text.splitlines()[1:]) == rows
