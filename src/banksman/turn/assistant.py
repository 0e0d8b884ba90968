"""Claude in a turn: Haiku reads what is asked for, the agent answers with tools under the person's rights."""

from __future__ import annotations

import asyncio
from importlib.resources import files

from banksman.agent.client import ClaudeClient
from banksman.agent.intent import classify
from banksman.agent.loop import converse
from banksman.agent.prompt import system_prompt
from banksman.agent.types import Classification, IntentOption, Line
from banksman.domain.handling import Ask
from banksman.domain.intents import INTENTS
from banksman.domain.menu import button, menu, offer
from banksman.domain.tools import ACTIONS, Toolbox
from banksman.domain.words import english_name
from banksman.services.turns import Turn
from banksman.turn.answer import AgentReply, language_of
from banksman.whatsapp.replies import Choice, Reply

READ_S = 8.0  # for Haiku, retries included
ANSWER_S = 40.0  # for the agent, all rounds and retries included
MOST_CHOICES = 8

OPTIONS = tuple(IntentOption(name=intent.value, meaning=declared.meaning) for intent, declared in INTENTS.items())
POLICY = files("banksman.domain").joinpath("policy.md").read_text(encoding="utf-8")


class ClaudeAssistant:
    """Claude with this trade's intents, tools and policy."""

    def __init__(self, client: ClaudeClient, *, intent_model: str, agent_model: str) -> None:
        self._client = client
        self._intent_model, self._agent_model = intent_model, agent_model

    async def classify(self, turn: Turn, text: str) -> Classification:
        """What `text` asks for. Raises ClaudeUnavailableError."""
        return await classify(
            self._client,
            model=self._intent_model,
            options=OPTIONS,
            history=_lines(turn),
            text=text,
            deadline=asyncio.get_running_loop().time() + READ_S,
        )

    async def answer(self, ask: Ask, text: str) -> AgentReply:
        """An answer to `text` by a conversation with tools. Raises ClaudeUnavailableError."""
        toolbox = Toolbox(ask.scope, ask.turn.handles, ask.today)
        found = await converse(
            self._client,
            model=self._agent_model,
            system=system_prompt(
                POLICY,
                actions={name: meaning for name, (meaning, _, _) in ACTIONS.items()},
                user_name=ask.turn.person.name or "",
                language_name=english_name(language_of(ask.turn) or ask.words.language),
                today=ask.today,
            ),
            history=_lines(ask.turn),
            text=text,
            tools=toolbox.tools,
            actions=tuple(ACTIONS),
            deadline=asyncio.get_running_loop().time() + ANSWER_S,
        )
        await toolbox.recall(found.text, found.show)
        shown = [choice for handle in found.show if (choice := toolbox.choice(handle))]
        offered = [button(ask.words, ACTIONS[name][2], ACTIONS[name][1]) for name in found.actions if name in ACTIONS]
        return AgentReply(
            replies=(_reply(ask, toolbox.spoken(found.text), [*shown, *offered]),),
            usage=found.usage,
            tool_calls=found.tool_calls,
            handles=tuple((handle.name, handle.kind, handle.target) for handle in toolbox.handles.new),
        )


def _reply(ask: Ask, text: str, options: list[Choice]) -> Reply:
    """The text with what can be tapped next; the menu where the model offers nothing."""
    distinct = {option.payload: option for option in options}
    if not text:
        return menu(ask.words, ask.words("unclear"))
    return offer(ask.words, text, list(distinct.values())[:MOST_CHOICES])


def _lines(turn: Turn) -> tuple[Line, ...]:
    return tuple(
        Line(speaker="user" if direction == "in" else "assistant", text=body) for direction, body in turn.history
    )
