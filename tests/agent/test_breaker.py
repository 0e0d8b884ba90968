"""When nothing is asked of Claude because it just failed several times."""

from __future__ import annotations

from banksman.agent.breaker import Breaker


def opened(at: float = 0) -> Breaker:
    breaker = Breaker(limit=3, window=60, pause=20)
    for _ in range(3):
        breaker.failed(at)
    return breaker


def test_it_opens_at_the_limit_and_not_before() -> None:
    breaker = Breaker(limit=3)
    breaker.failed(0)
    breaker.failed(1)
    assert breaker.admits(2)
    breaker.failed(2)
    assert not breaker.admits(3)


def test_an_answer_in_between_starts_the_count_again() -> None:
    breaker = Breaker(limit=2)
    breaker.failed(0)
    breaker.succeeded()
    breaker.failed(1)
    assert breaker.admits(1)


def test_failures_far_apart_do_not_open_it() -> None:
    breaker = Breaker(limit=2, window=60)
    breaker.failed(0)
    breaker.failed(61)
    assert breaker.admits(62)


def test_after_the_pause_one_call_is_let_through() -> None:
    breaker = opened()
    assert not breaker.admits(19.9)
    assert breaker.admits(20)
    assert not breaker.admits(20.1)


def test_the_call_let_through_decides() -> None:
    breaker = opened()
    assert breaker.admits(20)
    breaker.failed(21)
    assert not breaker.admits(40.9)
    assert breaker.admits(41)
    breaker.succeeded()
    assert breaker.admits(41.1)
    assert breaker.admits(41.2)


def test_a_call_that_never_reports_back_does_not_close_the_way_for_good() -> None:
    breaker = opened()
    assert breaker.admits(20)
    assert breaker.admits(40)
