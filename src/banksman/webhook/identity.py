"""Says who a person is from the ids that a webhook gives, and when those ids changed.

Since 2026 a person has a phone number (`wa_id`), a business-scoped user id (BSUID), or both, and either may
be missing from any part of a body (Meta's page on business-scoped user ids). So ids are matched by value,
never by position, and what contradicts is not joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from banksman.webhook import wire
from banksman.webhook.delivery import Json, Rekey, Sender

MAX_NAME = 200

# Who is known by an id; None where two contacts of one change contradict each other about it.
People: TypeAlias = Mapping[str, Sender | None]

_WA_ID = re.compile(r"[0-9]{1,32}")
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{1,128}")
# Control characters, line separators, and the marks that turn the direction of what follows.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def wa_id(text: str | None) -> str | None:
    """A phone number as WhatsApp's id: digits only. A leading + and spaces are taken off."""
    if not text:
        return None
    if not _WA_ID.fullmatch(text):
        text = "".join(text.split()).removeprefix("+")
    return text if _WA_ID.fullmatch(text) else None


def bsuid(text: str | None) -> str | None:
    """A business-scoped user id (`BR.9001…`, a parent's `BR.ENT.77…`), or None for anything else."""
    return text if text and _BSUID.fullmatch(text) else None


def _name(text: str | None) -> str | None:
    if text and text.isprintable() and len(text) <= MAX_NAME and not (text[0].isspace() or text[-1].isspace()):
        return text
    return (_CONTROL.sub(" ", text).strip()[:MAX_NAME].rstrip() or None) if text else None


def person_of(contact: wire.Contact) -> Sender:
    """The person in an entry of `contacts`, without an id where it holds none."""
    return Sender(
        wa_id=wa_id(contact.wa_id),
        bsuid=bsuid(contact.user_id),
        parent_bsuid=bsuid(contact.parent_user_id),
        name=_name(contact.profile.name),
    )


def people_in(contacts: Iterable[Sender]) -> People:
    """The people of one change, to be found by either id."""
    people: dict[str, Sender | None] = {}
    for person in contacts:
        for key in (person.wa_id, person.bsuid):
            if key is not None:
                known = people.get(key, person)
                people[key] = _joined(known, person) if known is not None else None
    return people


def _joined(one: Sender, other: Sender) -> Sender | None:
    """All that is known of both as one person; None where an id says that they are two."""
    if one.wa_id and other.wa_id and one.wa_id != other.wa_id:
        return None
    if one.bsuid and other.bsuid and one.bsuid != other.bsuid:
        return None
    if one is other or (
        one.name is None
        and one.wa_id in (None, other.wa_id)
        and one.bsuid in (None, other.bsuid)
        and one.parent_bsuid in (None, other.parent_bsuid)
    ):
        return other
    return Sender(
        wa_id=one.wa_id or other.wa_id,
        bsuid=one.bsuid or other.bsuid,
        parent_bsuid=one.parent_bsuid or other.parent_bsuid,
        name=one.name or other.name,
    )


def sender_of(message: wire.Message, people: People) -> Sender | None:
    """Who wrote `message`, with the name and the missing ids from `people`; None without any id."""
    sender = Sender(
        wa_id=wa_id(message.from_),
        bsuid=bsuid(message.from_user_id),
        parent_bsuid=bsuid(message.from_parent_user_id),
    )
    # The user id first: a phone number may have passed on to another person.
    for key in (sender.bsuid, sender.wa_id):
        contact = people.get(key) if key is not None else None
        joined = _joined(sender, contact) if contact is not None else None
        if joined is not None:
            sender = joined
            break
    return sender if sender.wa_id or sender.bsuid else None


def _rekey(before: Sender | None, after: Sender) -> Rekey | None:
    if before is None or not (before.wa_id or before.bsuid) or not (after.wa_id or after.bsuid):
        return None
    if (before.wa_id, before.bsuid) == (after.wa_id, after.bsuid):
        return None
    return Rekey(before=before, after=after)


def rekey_of_message(message: wire.Message, sender: Sender | None) -> Rekey | None:
    """The change of address that a `system` notice or an answered request for contact information tells.

    After a system notice `after` holds what the notice says and nothing else: a new number comes with a
    new user id, so an id that it leaves out is not known to have stayed.
    """
    if message.type == "contacts" and sender is not None:
        return _shared_number(message, sender)
    if message.type != "system":
        return None
    system = message.system
    number = wa_id(system.wa_id) or wa_id(system.new_wa_id)
    user, parent = bsuid(system.user_id), bsuid(system.parent_user_id)
    if system.type in ("user_changed_number", "customer_changed_number") and number:
        return _rekey(sender, Sender(wa_id=number, bsuid=user, parent_bsuid=parent))
    if system.type == "user_changed_user_id" and user:
        return _rekey(sender, Sender(wa_id=number, bsuid=user, parent_bsuid=parent))
    return None


def _shared_number(message: wire.Message, sender: Sender) -> Rekey | None:
    """A person without a number sent theirs, as we had asked (`origin`); another's card is no address.

    Only one card with one number counts, and only an international one.
    """
    cards = message.contacts
    if sender.bsuid is None or sender.wa_id is not None or not isinstance(cards, list) or len(cards) != 1:
        return None
    card = cards[0] if isinstance(cards[0], dict) else {}
    phones = card.get("phones")
    if "contact_request" not in (message.origin, card.get("origin")):
        return None
    if not isinstance(phones, list) or len(phones) != 1 or not isinstance(phones[0], dict):
        return None
    given, phone = phones[0].get("wa_id"), phones[0].get("phone")
    number = wa_id(given) if isinstance(given, str) else None
    if number is None and isinstance(phone, str) and phone.strip().startswith("+"):
        number = wa_id(re.sub(r"[\s().-]", "", phone))
    if number is None:
        return None
    return _rekey(
        sender,
        Sender(wa_id=number, bsuid=sender.bsuid, parent_bsuid=sender.parent_bsuid, name=sender.name),
    )


def rekeys_of_update(items: Json) -> list[Rekey]:
    """The changes of address in the list of a `user_id_update` change. Its shape is indicative only."""
    rekeys: list[Rekey] = []
    for item in items if isinstance(items, list) else [items]:
        update, _ = wire.read(wire.UserIdUpdate, item)
        previous, current = bsuid(update.user_id.previous), bsuid(update.user_id.current)
        if previous is None or current is None:
            continue
        number = wa_id(update.wa_id)
        parents = update.parent_user_id
        rekey = _rekey(
            Sender(wa_id=number, bsuid=previous, parent_bsuid=bsuid(parents.previous)),
            Sender(wa_id=number, bsuid=current, parent_bsuid=bsuid(parents.current)),
        )
        if rekey is not None:
            rekeys.append(rekey)
    return rekeys
