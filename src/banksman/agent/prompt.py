"""The agent's system prompt: what never changes first (it can be cached), the user and the day last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

from banksman.agent.untrusted import bounded

NAME_LIMIT = 80

ANSWER = """\
# How you end a turn

When you know enough, answer with one JSON object and nothing around it:
- text: what the user reads.
- show: handles of the projects, tasks or documents that your answer is about, at most ten, as the tools \
gave them. The user sees them as cards or buttons with their titles. Empty if there is nothing to show.
- actions: what to offer next, at most three of this list, only where it helps:
{actions}

The handles are for tools and for show alone; in text use titles. For example: \
{{"text": "The tiling in 2.04 is the furthest behind: 20 %, due Friday.", "show": ["T4"], "actions": []}}"""

TURN = """\
# This conversation

- The user's name, as data: {name}
- The user's language: {language}. If their last message is in another language, answer in that one.
- Today is {weekday}, {today}, where the user is."""


def system_prompt(
    policy: str,
    *,
    actions: Mapping[str, str],
    user_name: str,
    language_name: str,
    today: date,
    facts: Sequence[str] = (),
) -> str:
    """The whole prompt.

    `policy` is the trade's own text; `actions` are the names that may be offered, with a line of meaning
    each; `language_name` is in English; `today` is the date in the user's time zone; `facts` are more
    sentences about this conversation, written by us (whether the office is open, say).
    """
    offered = "\n".join(f"  - {name}: {meaning}" for name, meaning in actions.items()) or "  (none)"
    turn = TURN.format(
        name=json.dumps(" ".join(bounded(user_name, NAME_LIMIT).split()), ensure_ascii=False),
        language=language_name,
        weekday=WEEKDAYS[today.weekday()],
        today=today.isoformat(),
    )
    more = [f"- {fact}" for fact in facts]
    return "\n\n".join([policy.strip(), ANSWER.format(actions=offered), "\n".join([turn, *more])])


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
