"""The short names that the model uses in place of ids."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.agent.handles import Handle, Handles
from banksman.agent.types import ToolError

TASK, PROJECT = UUID(int=1), UUID(int=2)


def test_each_thing_gets_one_name_and_keeps_it() -> None:
    handles = Handles()
    assert [handles.of("task", TASK), handles.of("project", PROJECT), handles.of("task", TASK)] == [
        "T1",
        "P1",
        "T1",
    ]
    assert [handle.name for handle in handles.new] == ["T1", "P1"]


def test_names_go_on_from_those_stored_and_only_new_ones_are_stored_again() -> None:
    handles = Handles([Handle(name="T7", kind="task", target=TASK)])
    assert handles.of("task", TASK) == "T7"
    assert handles.of("task", uuid4()) == "T8"
    assert [handle.name for handle in handles.new] == ["T8"]


@pytest.mark.parametrize("written", ["T1", "t1", " T 1 ", "[T1]", "(t1)", "#T1", "T-1", "T01"])
def test_small_slips_in_a_name_do_not_matter(written: str) -> None:
    handles = Handles()
    handles.of("task", TASK)
    assert handles.resolve(written, "task") == TASK


@pytest.mark.parametrize("written", ["T2", "P1", "", "tiles", str(TASK), "T1; DROP", "T" * 500])
def test_an_unknown_name_is_refused_with_the_valid_ones(written: str) -> None:
    handles = Handles()
    handles.of("task", TASK)
    handles.of("project", PROJECT)
    with pytest.raises(ToolError) as raised:
        handles.resolve(written, "task")
    assert raised.value.code == "unknown_handle"
    assert "T1" in raised.value.hint
    assert "P1" not in raised.value.hint
    assert len(raised.value.message) < 80


def test_before_anything_was_listed_the_hint_says_to_list() -> None:
    with pytest.raises(ToolError, match="no task") as raised:
        Handles().resolve("T1", "task")
    assert "list them first" in raised.value.hint


def test_what_to_show_is_found_whatever_its_kind_and_unknown_names_are_none() -> None:
    handles = Handles()
    handles.of("project", PROJECT)
    found = handles.find("p1")
    assert found is not None
    assert (found.kind, found.target) == ("project", PROJECT)
    assert handles.find("T9") is None


@given(st.lists(st.tuples(st.sampled_from(["project", "task", "document"]), st.uuids()), max_size=30), st.text())
def test_a_name_always_leads_back_to_what_it_was_given_for(things, text: str) -> None:
    handles = Handles()
    names = [handles.of(kind, target) for kind, target in things]
    again = Handles(handles.new)
    for (kind, target), name in zip(things, names, strict=True):
        assert again.resolve(name, kind) == target
        assert str(target) not in name
    handles.find(text)
