"""The closed set of intents: what each means, its words, whether a handler may answer it alone.

One place declares an intent. Its handler stands in `handlers` under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from banksman.domain.folding import fold
from banksman.domain.human import asks_for_human


class Intent(StrEnum):
    """What a message can ask for (the contract's set)."""

    GREETING = "greeting"
    SHOW_MENU = "show_menu"
    LIST_PROJECTS = "list_projects"
    LIST_TASKS = "list_tasks"
    SHOW_TASK = "show_task"
    SHOW_PLANS = "show_plans"
    UPDATE_PROGRESS = "update_progress"
    COMPLETE_TASK = "complete_task"
    REPORT_INCIDENT = "report_incident"
    UPDATE_INCIDENT = "update_incident"
    SET_LANGUAGE = "set_language"
    SPEAK_TO_HUMAN = "speak_to_human"
    THANKS = "thanks"
    FEEDBACK = "feedback"
    STOP = "stop"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What is known of an intent."""

    meaning: str  # one sentence, as the model reads it
    simple: bool = False  # its handler answers it fully, without what the message says beside it
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # whole messages, by language


INTENTS: Mapping[Intent, Declared] = {
    Intent.GREETING: Declared(
        meaning="Says hello and nothing else.",
        simple=True,
        words={
            "en": ("hello", "hi", "hey", "good morning", "good afternoon", "good evening", "hello there", "hi there"),
            "fr": ("bonjour", "salut", "bonsoir", "coucou", "bonjour à tous", "bjr", "slt"),
        },
    ),
    Intent.SHOW_MENU: Declared(
        meaning="Wants the menu, help, or to know what the assistant can do.",
        simple=True,
        words={
            "en": ("menu", "help", "start", "main menu", "options", "what can you do", "how does this work", "?"),
            "fr": ("menu", "aide", "aidez-moi", "accueil", "que peux-tu faire", "comment ça marche", "options"),
        },
    ),
    Intent.LIST_PROJECTS: Declared(
        meaning="Wants the list of their own projects or sites.",
        simple=True,
        words={
            "en": ("my projects", "projects", "my sites", "sites", "show my projects", "list my projects",
                   "show me my projects", "which projects am i on"),
            "fr": ("mes projets", "projets", "mes chantiers", "chantiers", "voir mes chantiers", "montre mes chantiers",
                   "liste de mes chantiers", "mes projets svp"),
        },
    ),
    Intent.LIST_TASKS: Declared(
        meaning="Wants the plain list of their own tasks, with no further question about them.",
        simple=True,
        words={
            "en": ("my tasks", "tasks", "my jobs", "jobs", "todo", "to do", "show my tasks", "list my tasks",
                   "show me my tasks", "what are my tasks", "what do i have to do", "what are my tasks today"),
            "fr": ("mes tâches", "tâches", "mes travaux", "voir mes tâches", "montre mes tâches", "liste de mes tâches",
                   "quelles sont mes tâches", "que dois-je faire", "qu'est-ce que j'ai à faire"),
        },
    ),
    Intent.SHOW_TASK: Declared(meaning="Wants to know about one particular task: its details, state or due date."),
    Intent.SHOW_PLANS: Declared(meaning="Wants plans, drawings, photos or documents of a task or project."),
    Intent.UPDATE_PROGRESS: Declared(meaning="Reports how far a task is, as a percentage or in words, not finished."),
    Intent.COMPLETE_TASK: Declared(meaning="Says that a task is finished."),
    Intent.REPORT_INCIDENT: Declared(meaning="Reports an accident, damage, danger or defect on site."),
    Intent.UPDATE_INCIDENT: Declared(meaning="Adds something to an incident that was reported before."),
    Intent.SET_LANGUAGE: Declared(meaning="Wants to be answered in another language."),
    Intent.SPEAK_TO_HUMAN: Declared(
        meaning="Wants to speak with a human, a person from the office, instead of the assistant.",
        simple=True,
        words={
            "en": ("human", "speak with a human", "speak to a human", "talk to a human", "talk to someone",
                   "speak to someone", "i want to speak to a human", "i want to talk to someone", "real person",
                   "agent", "operator", "call the office", "talk to a person", "can i talk to someone",
                   "i need a human", "speak to the office"),
            "fr": ("humain", "un humain", "parler à quelqu'un", "parler à un humain", "je veux parler à quelqu'un",
                   "je veux parler à un humain", "une vraie personne", "parler au bureau", "conseiller",
                   "parler à une personne", "je veux parler à une personne", "quelqu'un du bureau"),
            "es": ("humano", "hablar con una persona", "hablar con alguien", "hablar con un humano",
                   "quiero hablar con una persona", "quiero hablar con alguien"),
            "pt": ("humano", "falar com uma pessoa", "falar com alguém", "falar com um humano",
                   "quero falar com uma pessoa", "quero falar com alguém"),
            "de": ("mensch", "mit einem menschen sprechen", "mit jemandem sprechen",
                   "ich will mit einem menschen sprechen", "ich möchte mit jemandem sprechen", "mitarbeiter"),
            "it": ("umano", "parlare con una persona", "parlare con qualcuno", "voglio parlare con una persona",
                   "voglio parlare con qualcuno", "operatore"),
            "pl": ("człowiek", "rozmowa z człowiekiem", "chcę rozmawiać z człowiekiem", "porozmawiać z człowiekiem",
                   "chcę porozmawiać z kimś", "konsultant"),
            "ro": ("om", "vreau să vorbesc cu cineva", "vorbesc cu un om", "vreau să vorbesc cu un om",
                   "să vorbesc cu cineva", "operator"),
            "ar": ("إنسان", "التحدث مع شخص", "أريد التحدث مع شخص", "اريد التحدث مع شخص", "أريد التحدث مع إنسان",
                   "موظف", "التحدث مع إنسان"),
        },
    ),
    Intent.THANKS: Declared(
        meaning="Says thanks and asks for nothing.",
        simple=True,
        words={
            "en": ("thanks", "thank you", "thx", "cheers", "thanks a lot", "thank you very much", "many thanks", "ta"),
            "fr": ("merci", "merci beaucoup", "merci bien", "mille mercis"),
        },
    ),
    Intent.FEEDBACK: Declared(meaning="Praises or complains about the assistant itself."),
    Intent.STOP: Declared(meaning="Wants no more messages, or their data erased."),
    Intent.OTHER: Declared(meaning="Anything else, or a question that needs looking at projects and tasks."),
}  # fmt: skip


# Said beside what is meant, at its beginning or end: it changes nothing.
POLITE = ("please", "pls", "plz", "thanks", "thank you", "svp", "stp", "s'il vous plaît", "s'il te plaît", "merci",
          "por favor", "bitte", "per favore", "proszę", "te rog", "vă rog", "من فضلك", "now", "maintenant")  # fmt: skip


def _phrases() -> dict[str, tuple[Intent, str | None]]:
    found: dict[str, tuple[Intent, str | None]] = {}
    for intent, declared in INTENTS.items():
        for language, phrases in declared.words.items():
            for phrase in phrases:
                said = fold(phrase)
                found[said] = (intent, None if said in found and found[said][1] != language else language)
    return found


PHRASES = _phrases()
_ASIDE = "|".join(
    re.escape(phrase)
    for phrase in sorted(
        {fold(polite) for polite in POLITE} | {said for said, found in PHRASES.items() if found[0] is Intent.GREETING},
        key=len,
        reverse=True,
    )
)
_BEFORE, _AFTER = re.compile(rf"^(?:(?:{_ASIDE}) )+"), re.compile(rf"(?: (?:{_ASIDE}))+$")


def of_words(text: str) -> tuple[Intent, str | None] | None:
    """The intent of a message that is one of the declared phrases as a whole, and its language.

    The language is None where the phrase is one of several languages. Greetings and polite words around it
    don't matter. A word somewhere in a message decides nothing: "in which order would you do all of my
    tasks?" is no list. A human is asked for in more ways than a list holds, so that is read by its parts.
    """
    said = fold(text[:200])
    polite = _AFTER.sub("", said)
    bare = _BEFORE.sub("", polite)
    found = PHRASES.get(said) or PHRASES.get(polite) or PHRASES.get(bare)
    if found is None and (language := asks_for_human(bare)):
        return Intent.SPEAK_TO_HUMAN, language
    return found
