"""The simulator behaves as badly as the real one: each knob does what it says."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import ANA, BEN, Phone, Service, text, until

from banksman.simulator.behaviour import Behaviour, PairRate, SendFault, take_fault


@pytest.mark.parametrize("status", [500, 503, 401, 400, 404, 204, 302])
async def test_a_webhook_that_is_not_answered_200_comes_again(phone: Phone, service: Service, status: int) -> None:
    service.answers.extend([status, status])
    await phone.write({"type": "text", "text": "hi"})
    await until(lambda: len(service.messages()) == 1)
    assert service.refused == 2
    gaps = [later - earlier for earlier, later in itertools.pairwise(service.asked)]
    assert gaps[0] >= 0.19
    assert gaps[1] >= 0.49


async def test_messages_wait_for_a_service_that_is_away_and_the_phone_says_so(
    running: Callable[..., Phone], service: Service
) -> None:
    phone = running("http://127.0.0.1:9/webhook")
    await phone.write({"type": "text", "text": "hi"})
    state = (await phone.http.get(f"/simulator/api/chats/{ANA}/events")).json()
    while not state["problem"]:
        after = {"after": state["revision"], "epoch": state["epoch"]}
        state = (await phone.http.get(f"/simulator/api/chats/{ANA}/events", params=after)).json()
    assert state["problem"] == "The service does not answer. Messages are delivered when it is back."
    assert (await phone.chat())[0]["status"] == "sent"
    await phone.http.aclose()


async def test_messages_of_a_person_stay_in_order_while_others_go_on(phone: Phone, service: Service) -> None:
    service.answers.append(500)
    words = [str(number) for number in range(8)]
    for word in words:
        await phone.write({"type": "text", "text": word})
    await phone.write({"type": "text", "text": "from Ben"}, wa_id=BEN)
    await until(lambda: len(service.messages()) == 9)
    assert [message["text"]["body"] for message in service.messages() if message["from"] == ANA] == words
    assert service.messages()[0]["text"]["body"] == "from Ben"
    assert [message["status"] for message in await phone.chat()] == ["delivered"] * 8


async def test_doubles_arrive_as_often_as_told(phone: Phone, service: Service) -> None:
    await phone.behave(doubles=3)
    written = await phone.write({"type": "text", "text": "hi"})
    await until(lambda: len(service.messages()) == 3)
    assert {message["id"] for message in service.messages()} == {written["id"]}
    assert len(await phone.chat()) == 1


async def test_bodies_are_batched_anew_with_what_was_delivered_before(phone: Phone, service: Service) -> None:
    first = await phone.write({"type": "text", "text": "first"})
    await until(lambda: len(service.bodies) == 1)
    await phone.behave(rebatch=True)
    service.answers.append(500)
    rest = [await phone.write({"type": "text", "text": str(number)}) for number in range(4)]
    await until(lambda: {message["id"] for message in service.messages()} >= {item["id"] for item in rest})
    assert len(service.bodies) < 5
    assert [message["id"] for message in service.messages()].count(first["id"]) == 2


async def test_statuses_come_out_of_order(phone: Phone, service: Service) -> None:
    await phone.behave(statuses_out_of_order=True)
    message_id = await phone.sent(text())
    await until(lambda: len(service.statuses(message_id)) == 2)
    assert [status["status"] for status in service.statuses(message_id)] == ["delivered", "sent"]
    assert (await phone.chat())[0]["status"] == "delivered"


async def test_outside_the_window_all_but_templates_fail_later(phone: Phone, service: Service) -> None:
    await phone.behave(window_closed=True)
    message_id = await phone.sent(text(), biz_opaque_callback_data="outbox:7")
    await until(lambda: len(service.statuses(message_id)) == 1)
    failed = service.statuses(message_id)[0]
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131047)
    assert failed["biz_opaque_callback_data"] == "outbox:7"
    assert "contacts" not in service.values()[0]
    template = await phone.sent({"type": "template", "template": {"name": "hi", "language": {"code": "en"}}})
    await until(lambda: len(service.statuses(template)) == 2)
    assert service.statuses(template)[1]["status"] == "delivered"


async def test_a_told_error_is_answered_so_many_times(phone: Phone) -> None:
    fault = {"kind": "error", "times": 2, "status": 429, "code": 130429, "retry_after": 3}
    await phone.behave(send_faults=[fault])
    for _ in range(2):
        answer = await phone.send(text())
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, 130429)
        assert answer.headers["retry-after"] == "3"
    assert (await phone.send(text())).status_code == 200
    assert len(await phone.chat()) == 1


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [("cut", 0), ("cut_after", 1), ("hang", 0), ("drop_answer", 1), ("html", 0), ("html_after", 1)],
)
async def test_a_lost_answer_leaves_open_whether_the_message_went(
    phone: Phone, service: Service, kind: str, accepted: int
) -> None:
    await phone.behave(send_faults=[{"kind": kind, "status": 502}])
    phone.http.timeout = httpx.Timeout(1)
    if kind.startswith("html"):
        answer = await phone.send(text())
        assert answer.status_code == 502
        assert answer.headers["content-type"].startswith("text/html")
    else:
        with pytest.raises(httpx.TransportError):
            await phone.send(text())
    assert len(await phone.chat()) == accepted
    message_id = await phone.sent(text("next"))
    await until(lambda: len(service.statuses(message_id)) == 2)
    assert len(service.statuses()) == 2 * (accepted + 1)


async def test_silence_ends_by_itself(phone: Phone) -> None:
    await phone.behave(send_faults=[{"kind": "drop_answer"}], hang_seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        await phone.send(text())


async def test_beyond_the_pair_rate_only_this_person_waits(phone: Phone) -> None:
    await phone.behave(pair_rate=True)
    codes = [(await phone.send(text())).status_code for _ in range(46)]
    assert codes == [200] * 45 + [400]
    assert (await phone.send(text())).json()["error"]["code"] == 131056
    assert (await phone.send(text(), to=BEN)).status_code == 200


@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=200))
def test_nobody_gets_more_than_the_burst_and_one_in_six_seconds(gaps: list[float]) -> None:
    rate, allowed = PairRate(), 0
    for now in itertools.accumulate(gaps):
        passes, rate = rate.spend(now)
        allowed += passes
    assert allowed <= PairRate.BURST + sum(gaps) / PairRate.SECONDS + 1e-6


def test_one_more_message_passes_six_seconds_after_the_burst() -> None:
    rate = PairRate()
    for _ in range(45):
        _, rate = rate.spend(0)
    assert not rate.spend(5.9)[0]
    assert rate.spend(6)[0]


def test_faults_are_used_up_from_the_left() -> None:
    behaviour = Behaviour(send_faults=(SendFault("cut", times=2), SendFault("html")))
    kinds = []
    for _ in range(4):
        fault, behaviour = take_fault(behaviour)
        kinds.append(fault and fault.kind)
    assert kinds == ["cut", "cut", "html", None]


@pytest.mark.parametrize("knobs", [{"doubles": 0}, {"unknown": 1}, {"send_faults": [{"kind": "explode"}]}])
async def test_a_knob_that_is_not_there_is_refused(phone: Phone, knobs: dict[str, object]) -> None:
    before = (await phone.http.get("/simulator/api/behaviour")).json()
    answer = await phone.http.patch("/simulator/api/behaviour", json=knobs)
    assert answer.status_code == 400
    assert (await phone.http.get("/simulator/api/behaviour")).json() == before


async def test_putting_nothing_brings_a_good_day_back(phone: Phone) -> None:
    await phone.behave(doubles=4, window_closed=True)
    await phone.http.put("/simulator/api/behaviour", json={})
    found = (await phone.http.get("/simulator/api/behaviour")).json()
    assert (found["doubles"], found["window_closed"]) == (1, False)
