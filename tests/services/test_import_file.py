"""The import: whole or not at all, twice changes nothing, and what the crew has made of it stays."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.services.import_file import ImportFileError, Known, Loaded, load, read, unknown
from banksman.whatsapp.media import MediaStore

PNG = b"\x89PNG\r\n\x1a\n"
TABLES = ("users", "projects", "project_members", "tasks", "task_assignees", "media", "documents")


class Site:
    """A database and a folder to import from."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder, self.store = folder, MediaStore(folder=folder / "media")
        self.connection = psycopg.connect(url, autocommit=True)

    def write(self, file: dict[str, Any] | str) -> Path:
        path = self.folder / "crew.json"
        path.write_text(file if isinstance(file, str) else json.dumps(file), encoding="utf-8")
        return path

    def load(self, file: dict[str, Any]) -> Loaded:
        return load(self.connection, read(self.write(file)), folder=self.folder, store=self.store.put)

    def faults(self, file: dict[str, Any] | str) -> list[str]:
        """What is wrong with a file; nothing of it may be loaded."""
        before = self.snapshot()
        path = self.write(file)
        with pytest.raises(ImportFileError) as caught:
            load(self.connection, read(path), folder=self.folder, store=self.store.put)
        assert self.snapshot() == before
        return str(caught.value).splitlines()

    def snapshot(self) -> dict[str, object]:
        """Every row whole, dates included, and the stored files."""
        found: dict[str, object] = {
            table: self.rows(f"select t::text from banksman.{table} t order by 1") for table in TABLES
        }
        return found | {"files": sorted(path.name for path in self.store.folder.rglob("*") if path.is_file())}

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), params or None).fetchall()


@pytest.fixture
def site(urls: tuple[str, str], tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "a.png").write_bytes(PNG + b"a")
    (tmp_path / "plans" / "b.pdf").write_bytes(b"%PDF-1.7 b")
    site = Site(urls[0], tmp_path)
    yield site
    site.connection.close()


def file(**changes: Any) -> dict[str, Any]:
    """A file that is in order."""
    return {
        "users": [{"ref": "ana", "wa_id": "33600000001", "name": "Ana Silva", "language": "fr",
                   "time_zone": "Europe/Paris"},
                  {"ref": "bob", "wa_id": "447700900101", "name": "Bob"}],
        "projects": [{"ref": "mill", "name": "Old Mill", "address": "12 Quai Nord", "members": ["ana", "bob"]},
                     {"ref": "yard", "name": "Yard"}],
        "tasks": [{"ref": "t1", "project": "mill", "title": "Tile", "status": "open", "progress": 0,
                   "due": "2026-12-04", "assignees": ["ana"]}],
        "documents": [{"project": "mill", "task": "t1", "kind": "plan", "title": "Level 2", "file": "plans/a.png"},
                      {"project": "mill", "kind": "document", "title": "Rules", "file": "plans/b.pdf"}],
        **changes,
    }  # fmt: skip


def test_a_file_is_loaded_whole_and_a_second_time_changes_nothing(site: Site) -> None:
    assert site.load(file()) == Loaded(users=2, projects=2, tasks=1, documents=2)
    assert site.rows("select wa_id, language, time_zone, status from banksman.users order by created_at") == [
        ("33600000001", "fr", "Europe/Paris", "active"),
        ("447700900101", None, "UTC", "active"),
    ]
    assert site.rows("select mime_type from banksman.media order by 1") == [("application/pdf",), ("image/png",)]
    before = site.snapshot()
    assert len(before["files"]) == 2  # type: ignore[arg-type]
    site.load(file())
    assert site.snapshot() == before


def test_an_empty_file_is_in_order(site: Site) -> None:
    assert site.load({}) == Loaded(users=0, projects=0, tasks=0, documents=0)


def test_every_fault_is_named_by_its_path_at_once(site: Site) -> None:
    broken = file(
        users=[{"ref": "", "wa_id": "nobody", "name": "A\x00", "language": "French", "time_zone": "Mars", "age": 3}, 5],
        projects=[{"ref": "mill", "members": "ana"}],
        tasks=[{"ref": "t", "project": "mill", "title": "T", "status": "later", "progress": 101, "due": "soon"},
               {"ref": 7, "project": "mill", "title": "T", "progress": "50"}],
        documents=[{"project": "mill", "kind": "poem", "title": "P", "file": ""}],
        surprise=[],
    )  # fmt: skip
    found = site.faults(broken)
    assert {line.partition(":")[0] for line in found} == {
        "users[0].ref", "users[0].wa_id", "users[0].name", "users[0].language", "users[0].time_zone", "users[0].age",
        "users[1]", "projects[0].name", "projects[0].members", "tasks[0].status", "tasks[0].progress", "tasks[0].due",
        "tasks[1].ref", "tasks[1].progress", "documents[0].kind", "documents[0].file", "surprise",
    }  # fmt: skip
    assert "users[0].wa_id: is no number with its country code; for example +33 6 00 00 00 01" in found


def test_refs_that_stand_for_nothing_are_named_all_at_once(site: Site) -> None:
    broken = file(
        projects=[{"ref": "mill", "name": "Old Mill", "members": ["ana", "zoe"]}, {"ref": "yard", "name": "Yard"}],
        tasks=[{"ref": "t1", "project": "mill", "title": "T", "assignees": ["max"]},
               {"ref": "t2", "project": "moon", "title": "T"}],
        documents=[{"project": "yard", "task": "t1", "kind": "plan", "title": "A", "file": "plans/a.png"},
                   {"project": "mill", "task": "t9", "kind": "plan", "title": "A", "file": "plans/a.png"}],
    )  # fmt: skip
    assert site.faults(broken) == [
        "projects[0].members[1]: there is no user 'zoe'",
        "tasks[0].assignees[0]: there is no user 'max'",
        "tasks[1].project: there is no project 'moon'",
        "documents[0].task: 't1' is no task of project 'yard'",
        "documents[1].task: there is no task 't9'",
    ]


def test_rows_that_stand_twice_are_named(site: Site) -> None:
    ana = {"ref": "ana", "wa_id": "33600000001", "name": "Ana"}
    assert site.faults(
        {"users": [ana, {**ana, "wa_id": "33600000002"}, {**ana, "ref": "eva", "wa_id": "+33 600000001"}]}
    ) == [
        "users[1].ref: the same as users[0].ref",
        "users[2].wa_id: the same as users[0].wa_id",
    ]
    document = {"project": "mill", "kind": "plan", "title": "Level 2", "file": "plans/a.png"}
    assert site.faults(file(documents=[document, document])) == ["documents[1].title: the same as documents[0].title"]


def test_files_that_are_missing_empty_or_outside_are_named(site: Site) -> None:
    (site.folder / "empty.png").touch()
    outside = site.folder.parent / f"{site.folder.name}-outside.png"
    outside.write_bytes(PNG)
    (site.folder / "link.png").symlink_to(outside)
    names = ["no.png", "plans", "empty.png", f"../{outside.name}", str(outside), "link.png"]
    found = site.faults(
        file(documents=[{"project": "mill", "kind": "plan", "title": name, "file": name} for name in names])
    )
    said = ["there is no file", "there is no file", "is empty", *["is outside of the folder"] * 3]
    assert [line.partition(":")[0] for line in found] == [f"documents[{n}].file" for n in range(len(names))]
    assert [words in line for words, line in zip(said, found, strict=True)] == [True] * len(names)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"users": {}}', '{"users": ' * 5000, '{"users": [{"ref": "\\ud800"}]}']
)
def test_what_is_no_import_file_is_refused(site: Site, text: str) -> None:
    assert site.faults(text)


def test_a_number_is_taken_in_any_usual_spelling(site: Site) -> None:
    spellings = ["+33 6 12 34 56 78", "0044 7700-900.102", "+351\u00a0(910)\u202f000\u2011001", "34600000001"]
    site.load({"users": [{"ref": f"u{n}", "wa_id": text, "name": "N"} for n, text in enumerate(spellings)]})
    numbers = [row[0] for row in site.rows("select wa_id from banksman.users order by external_ref")]
    assert numbers == ["33612345678", "447700900102", "351910000001", "34600000001"]
    for wrong in ("0612345678", "12", "+33 6 1234 CALL", "٣٣٦٠٠٠٠٠٠٠١"):
        assert site.faults({"users": [{"ref": "x", "wa_id": wrong, "name": "N"}]})[0].startswith(
            "users[0].wa_id: is no number"
        )


def test_who_is_dropped_from_a_project_loses_it_and_may_come_back(site: Site) -> None:
    members = "select u.external_ref, m.ended_at is null from banksman.project_members m"
    members += " join banksman.users u on u.id = m.user_id"
    site.load(file())
    without = [{"ref": "mill", "name": "Old Mill", "address": "12 Quai Nord", "members": ["bob"]}]
    site.load(file(projects=without))
    assert sorted(site.rows(members)) == [("ana", False), ("bob", True)]
    before = site.snapshot()
    site.load(file(projects=without))
    assert site.snapshot() == before
    site.load(file())
    assert sorted(site.rows(members)) == [("ana", True), ("bob", True)]
    site.load(file(projects=[{"ref": "mill", "name": "Old Mill"}]))
    assert sorted(site.rows(members)) == [("ana", False), ("bob", False)]


def test_what_the_crew_and_a_person_have_made_of_it_stays(site: Site) -> None:
    site.load(file())
    site.rows("update banksman.tasks set status = 'done', progress = 100 returning 1")
    site.rows(
        "update banksman.users set language = 'pt', time_zone = 'Europe/Lisbon' where external_ref = 'bob' returning 1"
    )
    changed = file(tasks=[{"ref": "t1", "project": "mill", "title": "Tile it all", "status": "open", "progress": 0}])
    changed["users"][0]["language"] = "de"
    site.load(changed)
    assert site.rows("select title, status, progress, due from banksman.tasks") == [("Tile it all", "done", 100, None)]
    assert site.rows("select ended_at is null from banksman.task_assignees") == [(False,)]
    assert site.rows("select language, time_zone from banksman.users order by external_ref") == [
        ("fr", "Europe/Paris"),
        ("pt", "Europe/Lisbon"),
    ]


def test_a_person_who_wrote_before_is_the_same_person_and_active(site: Site) -> None:
    person = site.rows(
        "insert into banksman.users (wa_id, bsuid, name) values ('33600000001', 'FR.1', 'A') returning id"
    )
    site.load(file())
    found = site.rows("select id, status, name, bsuid, language from banksman.users where external_ref = 'ana'")
    assert found == [(person[0][0], "active", "Ana Silva", "FR.1", "fr")]
    site.rows("update banksman.users set status = 'blocked' where external_ref = 'ana' returning 1")
    site.load(file())
    assert site.rows("select status from banksman.users where external_ref = 'ana'") == [("blocked",)]


def test_people_swap_numbers_and_take_over_a_strangers(site: Site) -> None:
    site.load(file())
    ids = dict(site.rows("select external_ref, id from banksman.users"))
    swapped = file()
    swapped["users"][0]["wa_id"], swapped["users"][1]["wa_id"] = "447700900101", "33600000001"
    site.load(swapped)
    assert dict(site.rows("select wa_id, id from banksman.users")) == {
        "447700900101": ids["ana"],
        "33600000001": ids["bob"],
    }
    site.rows("insert into banksman.users (wa_id, bsuid) values ('33600000009', 'FR.9') returning id")
    swapped["users"][0]["wa_id"] = "33600000009"
    site.load(swapped)
    assert site.rows("select id from banksman.users where wa_id = '33600000009'") == [(ids["ana"],)]
    site.load({"users": swapped["users"][:1]})
    assert site.faults({"users": [{"ref": "eva", "wa_id": "33600000001", "name": "Eva"}]}) == [
        "users[0].wa_id: the number belongs to another person already"
    ]


def test_a_file_may_name_what_an_earlier_one_has_loaded(site: Site) -> None:
    site.load(file())
    site.load(
        {
            "projects": [{"ref": "port", "name": "Port", "members": ["ana"]}],
            "tasks": [{"ref": "t2", "project": "mill", "title": "Paint", "assignees": ["bob"]}],
            "documents": [{"project": "mill", "task": "t1", "kind": "photo", "title": "Wall", "file": "plans/a.png"}],
        }
    )
    assert site.rows("select count(*) from banksman.documents d join banksman.tasks t on t.id = d.task_id") == [(2,)]
    assert site.rows("select count(*) from banksman.media") == [(2,)]


def test_the_papers_of_a_task_go_with_it_to_another_project(site: Site) -> None:
    site.load(file())
    site.load({"tasks": [{"ref": "t1", "project": "yard", "title": "Tile"}]})
    query = "select p.external_ref, d.title from banksman.documents d"
    query += " join banksman.projects p on p.id = d.project_id order by 2"
    assert site.rows(query) == [("yard", "Level 2"), ("mill", "Rules")]


def test_nothing_is_loaded_where_a_file_cannot_be_stored(site: Site) -> None:
    before = site.snapshot()

    def full(_: bytes) -> str:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        load(site.connection, read(site.write(file())), folder=site.folder, store=full)
    assert site.snapshot() == before


def test_two_imports_at_once_come_one_after_the_other(site: Site, urls: tuple[str, str]) -> None:
    found = read(site.write(file()))
    failed: list[Exception] = []

    def run() -> None:
        try:
            with psycopg.connect(urls[0], autocommit=True) as connection:
                load(connection, found, folder=site.folder, store=site.store.put)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert site.rows("select count(*) from banksman.users") == [(2,)]


def test_ten_thousand_tasks_are_loaded_in_seconds(site: Site) -> None:
    tasks = [
        {"ref": f"t{n}", "project": "mill", "title": f"Task {n}", "assignees": ["ana", "bob"]} for n in range(10_000)
    ]
    started = time.monotonic()
    site.load(file(tasks=tasks, documents=[]))
    site.load(file(tasks=tasks, documents=[]))
    assert time.monotonic() - started < 20
    assert site.rows("select count(*) from banksman.task_assignees where ended_at is null") == [(20_000,)]


@given(st.text(max_size=30))
def test_any_text_in_any_field_is_taken_or_refused_with_its_path(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    row = {"ref": text, "wa_id": text, "name": text, "language": text, "time_zone": text}
    path.write_text(json.dumps({"users": [row]}))
    with pytest.raises(ImportFileError) as caught:
        read(path)
    assert all(line.startswith("users[0].") for line in str(caught.value).splitlines())


def test_refs_of_earlier_imports_count_as_known(tmp_path: Path) -> None:
    path = tmp_path / "crew.json"
    path.write_text(json.dumps({"projects": [{"ref": "p", "name": "P", "members": ["ana", "bob"]}]}))
    known = Known(users=frozenset({"ana"}), projects=frozenset(), tasks={})
    assert list(unknown(read(path), known)) == ["projects[0].members[1]: there is no user 'bob'"]
