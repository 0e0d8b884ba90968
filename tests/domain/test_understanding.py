"""Plain words, taps, bursts and office hours: what is decided without a model and without the database."""

from __future__ import annotations

from datetime import UTC, datetime, time
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.domain.intents import INTENTS, Intent, fold, of_words
from banksman.domain.office import Office, opening_words
from banksman.domain.taps import VERBS, Tap, read_tap
from banksman.domain.words import Words
from banksman.services.turns import Incoming
from banksman.turn.guard import MAX_TEXT, hear
from banksman.turn.understand import plan, read


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("hello", Intent.GREETING),
        ("Bonjour !", Intent.GREETING),
        ("  HELLO!!! 👋 ", Intent.GREETING),
        ("my tasks", Intent.LIST_TASKS),
        ("Mes Taches", Intent.LIST_TASKS),
        ("mes tâches?", Intent.LIST_TASKS),
        ("my projects please", Intent.LIST_PROJECTS),
        ("Hello, my tasks please!", Intent.LIST_TASKS),
        ("bonjour, un humain s'il vous plaît", Intent.SPEAK_TO_HUMAN),
        ("human, please 🙏", Intent.SPEAK_TO_HUMAN),
        ("hello please", Intent.GREETING),
        ("thanks!", Intent.THANKS),
        ("I want to speak with a human", Intent.SPEAK_TO_HUMAN),
        ("can I speak to a human?", Intent.SPEAK_TO_HUMAN),
        ("speak with human", Intent.SPEAK_TO_HUMAN),
        ("get me a human", Intent.SPEAK_TO_HUMAN),
        ("I'd like to talk to someone from the office please", Intent.SPEAK_TO_HUMAN),
        ("Hi, could you put me through to the manager?", Intent.SPEAK_TO_HUMAN),
        ("je voudrais parler à quelqu'un", Intent.SPEAK_TO_HUMAN),
        ("parler avec un humain", Intent.SPEAK_TO_HUMAN),
        ("est-ce que je peux parler à une vraie personne ?", Intent.SPEAK_TO_HUMAN),
        ("passez-moi le responsable", Intent.SPEAK_TO_HUMAN),
        ("necesito hablar con alguien de la oficina", Intent.SPEAK_TO_HUMAN),
        ("gostaria de falar com um atendente, por favor", Intent.SPEAK_TO_HUMAN),
        ("kann ich bitte mit einem Mitarbeiter sprechen?", Intent.SPEAK_TO_HUMAN),
        ("Ich möchte mit jemandem aus dem Büro reden", Intent.SPEAK_TO_HUMAN),
        ("vorrei parlare con un operatore", Intent.SPEAK_TO_HUMAN),
        ("chciałbym porozmawiać z kimś z biura", Intent.SPEAK_TO_HUMAN),
        ("aș vrea să vorbesc cu un operator", Intent.SPEAK_TO_HUMAN),
        ("هل يمكنني التحدث مع موظف؟", Intent.SPEAK_TO_HUMAN),
        ("help", Intent.SHOW_MENU),
        ("?", Intent.SHOW_MENU),
        ("Speak with a human", Intent.SPEAK_TO_HUMAN),
        ("Je veux parler à quelqu’un", Intent.SPEAK_TO_HUMAN),
        ("HABLAR CON UNA PERSONA", Intent.SPEAK_TO_HUMAN),
        ("quero falar com alguem", Intent.SPEAK_TO_HUMAN),
        ("Mit jemandem sprechen.", Intent.SPEAK_TO_HUMAN),
        ("chce rozmawiac z czlowiekiem", Intent.SPEAK_TO_HUMAN),
        ("vreau sa vorbesc cu cineva", Intent.SPEAK_TO_HUMAN),
        ("parlare con qualcuno", Intent.SPEAK_TO_HUMAN),
        ("اريد التحدث مع شخص", Intent.SPEAK_TO_HUMAN),
    ],
)
def test_plain_words_are_understood_whatever_their_case_accents_and_marks(text: str, intent: Intent) -> None:
    found = of_words(text)
    assert found
    assert found[0] is intent


@pytest.mark.parametrize(
    "text",
    [
        "in which order would you do all of my tasks?",
        "human error on level 2",
        "hello, is the crane free tomorrow?",
        "the agent of the owner was here",
        "stop the crane",
        "help me with task 3",
        "please",
        "I spoke to a person yesterday",
        "someone from the office was here",
        "the manager wants to talk to the crew",
        "person",
        "parler du chantier",
        "quelqu'un a pris ma perceuse",
        "",
        "👍",
    ],
)
def test_a_word_somewhere_in_a_message_decides_nothing(text: str) -> None:
    assert of_words(text) is None


def test_a_human_can_be_asked_for_in_all_nine_languages() -> None:
    assert set(INTENTS[Intent.SPEAK_TO_HUMAN].words) == {"en", "fr", "es", "pt", "de", "it", "pl", "ro", "ar"}


def test_every_intent_is_declared() -> None:
    assert set(INTENTS) == set(Intent)


@given(st.text())
def test_folding_takes_any_text_and_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.sampled_from(sorted(VERBS)), st.none() | st.uuids(), st.integers(0, 9999))
def test_a_tap_is_read_as_it_was_written(verb: str, target: UUID | None, page: int) -> None:
    tap = Tap(verb=verb, target=target, page=page)
    assert read_tap(tap.payload) == tap
    assert len(tap.payload) <= 200


@given(st.text())
def test_a_payload_that_is_not_ours_is_no_tap(payload: str) -> None:
    found = read_tap(payload)
    assert found is None or found.verb in VERBS


def incoming(body: str | None, *, kind: str = "text", tap: str | None = None) -> Incoming:
    return Incoming(
        id=uuid4(), wa_message_id="wamid.x", kind=kind, body=body, tap=tap, sent_at=datetime(2026, 11, 24, tzinfo=UTC)
    )


def chosen(*messages: Incoming) -> list[Intent]:
    return [item[0].intent for item in plan([read(hear(message)) for message in messages])]


def test_a_greeting_beside_a_question_is_not_answered_for_itself() -> None:
    assert chosen(incoming("hello"), incoming("my tasks")) == [Intent.LIST_TASKS]
    assert chosen(incoming("hello"), incoming("is the crane free?")) == [Intent.OTHER]
    assert chosen(incoming("hello")) == [Intent.GREETING]


def test_the_same_twice_is_answered_once_and_all_open_questions_as_one() -> None:
    assert chosen(incoming("my tasks"), incoming("tasks")) == [Intent.LIST_TASKS]
    tapped = incoming("My tasks", kind="interactive", tap="tasks")
    assert chosen(incoming("my tasks"), incoming("projects"), tapped) == [Intent.LIST_TASKS, Intent.LIST_PROJECTS]
    burst = incoming("is it?"), incoming("my tasks"), incoming("or not?"), incoming("projects")
    assert chosen(*burst) == [Intent.OTHER, Intent.LIST_TASKS, Intent.LIST_PROJECTS]


def test_a_human_goes_before_everything_else() -> None:
    assert chosen(incoming("my tasks"), incoming("human"), incoming("projects")) == [Intent.SPEAK_TO_HUMAN]


def test_what_is_heard_is_normalised_bounded_and_without_control_characters() -> None:
    assert hear(incoming("e\u0301te\u0301 \x07\u202eok")).text == "été \u202eok"
    assert hear(incoming(" \u200b\n")).text == ""
    assert hear(incoming(None, kind="image")).text is None
    assert len(hear(incoming("a" * 70_000)).text or "") == MAX_TEXT


OFFICE = Office(zone="Europe/Paris", days=frozenset(range(5)), hours=(time(7), time(18)))


@pytest.mark.parametrize(
    ("now", "is_open", "said"),
    [
        (datetime(2026, 11, 24, 9, 0, tzinfo=UTC), True, None),
        (datetime(2026, 11, 24, 5, 0, tzinfo=UTC), False, "today at 7:00"),
        (datetime(2026, 11, 24, 18, 0, tzinfo=UTC), False, "tomorrow at 7:00"),
        (datetime(2026, 11, 27, 18, 0, tzinfo=UTC), False, "on Monday at 7:00"),
    ],
)
def test_the_office_says_when_it_is_back(now: datetime, is_open: bool, said: str | None) -> None:
    assert OFFICE.is_open(now) is is_open
    if said:
        words = (opening_words(OFFICE, now, Words(language="en"), zone="Europe/Paris") or "").replace("\u202f", " ")
        assert words.removesuffix(" AM") == said


def test_the_opening_is_told_by_the_clock_of_the_person() -> None:
    tokyo = Office(zone="Asia/Tokyo", days=frozenset(range(7)), hours=(time(9), time(17)))
    evening = datetime(2026, 11, 24, 18, 43, tzinfo=UTC)  # 19:43 in Paris; Tokyo opens at 01:00 there
    words = opening_words(tokyo, evening, Words(language="fr"), zone="Europe/Paris")
    assert words == "demain à 01:00"


def test_an_office_without_days_promises_nothing() -> None:
    office = Office(zone="UTC", days=frozenset(), hours=(time(7), time(18)))
    assert opening_words(office, datetime(2026, 11, 24, tzinfo=UTC), Words(language="en"), zone="UTC") is None


def test_hours_that_pass_midnight_are_open_at_night() -> None:
    office = Office(zone="UTC", days=frozenset({0}), hours=(time(22), time(6)))
    assert office.is_open(datetime(2026, 11, 24, 5, 0, tzinfo=UTC))  # Tuesday morning: Monday's night
    assert not office.is_open(datetime(2026, 11, 25, 5, 0, tzinfo=UTC))
