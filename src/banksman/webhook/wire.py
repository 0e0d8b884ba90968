"""What WhatsApp sends in a change of the field `messages`, as far as the service reads it.

Shapes: Cloud API webhook reference (messages, statuses, system, contacts). Everything is optional and
unknown keys are passed over; `read` leaves out what has a wrong type, so that one bad value costs nothing
but itself.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from banksman.webhook.delivery import Json


class Wire(BaseModel):
    """A part of a body. Every field has a default."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Metadata(Wire):
    """Which of the business's numbers a change is about."""

    phone_number_id: str | None = Field(None, coerce_numbers_to_str=True)
    display_phone_number: str | None = Field(None, coerce_numbers_to_str=True)


class Profile(Wire):
    """What a person shows of themselves."""

    name: str | None = None


class Contact(Wire):
    """A person whom a change mentions; either id may be missing, and so may the profile."""

    wa_id: str | None = Field(None, coerce_numbers_to_str=True)
    user_id: str | None = None
    parent_user_id: str | None = None
    profile: Profile = Profile()


class Text(Wire):
    """The words of a text message, or of an answered flow."""

    body: str | None = None


class Media(Wire):
    """An image, video or document; its other fields stay in the payload."""

    caption: str | None = None


class Choice(Wire):
    """A tapped reply button or list row."""

    id: str | None = None
    title: str | None = None


class Interactive(Wire):
    """An answer to one of our interactive messages; `type` names which."""

    type: str | None = None
    button_reply: Choice = Choice()
    list_reply: Choice = Choice()
    nfm_reply: Text = Text()


class Button(Wire):
    """A tapped quick reply of a template (or, it seems, of a carousel)."""

    payload: str | None = None
    text: str | None = None


class Location(Wire):
    """A place; a bare pin has neither name nor address."""

    name: str | None = None
    address: str | None = None


class Content(Wire):
    """What a message says, by `type`. The new version inside an edit has just this."""

    type: str | None = None
    text: Text = Text()
    image: Media = Media()
    video: Media = Media()
    document: Media = Media()
    interactive: Interactive = Interactive()
    button: Button = Button()
    location: Location = Location()


class Edit(Wire):
    """An edit (sent to numbers shared with the WhatsApp Business app only)."""

    original_message_id: str | None = None
    message: Content = Content()


class Revoke(Wire):
    """A withdrawal (same numbers)."""

    original_message_id: str | None = None


class System(Wire):
    """A notice that a person's number or user id changed. `new_wa_id` is the older spelling of `wa_id`."""

    type: str | None = None
    wa_id: str | None = Field(None, coerce_numbers_to_str=True)
    new_wa_id: str | None = Field(None, coerce_numbers_to_str=True)
    user_id: str | None = None
    parent_user_id: str | None = None


class Context(Wire):
    """The message that this one quotes or answers."""

    id: str | None = None


class Message(Content):
    """One entry of `messages`."""

    id: str | None = None
    timestamp: str | None = Field(None, coerce_numbers_to_str=True)
    from_: str | None = Field(None, alias="from", coerce_numbers_to_str=True)
    from_user_id: str | None = None
    from_parent_user_id: str | None = None
    group_id: object = None  # any type: whatever stands here, the message came from a group
    context: Context = Context()
    edit: Edit = Edit()
    revoke: Revoke = Revoke()
    system: System = System()
    origin: object = None  # of shared contacts; Meta's pages have it in the card, some bodies here
    contacts: object = None


class Status(Wire):
    """One entry of `statuses`."""

    id: str | None = None
    status: str | None = None
    timestamp: str | None = Field(None, coerce_numbers_to_str=True)
    recipient_id: str | None = Field(None, coerce_numbers_to_str=True)
    recipient_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    errors: tuple[object, ...] = ()


class Error(Wire):
    """One entry of a failed status's `errors`."""

    code: int | None = None


class UserIdChange(Wire):
    """Previous and current value of a user id."""

    previous: str | None = None
    current: str | None = None


class UserIdUpdate(Wire):
    """One entry of the field `user_id_update`."""

    wa_id: str | None = Field(None, coerce_numbers_to_str=True)
    user_id: UserIdChange = UserIdChange()
    parent_user_id: UserIdChange = UserIdChange()


WireT = TypeVar("WireT", bound=Wire)


def read(model: type[WireT], value: Json) -> tuple[WireT, str | None]:
    """`value` as `model`, and in plain words what was left out because its type is wrong (None: nothing)."""
    if not isinstance(value, dict):
        return model(), "no object"
    try:
        return model.model_validate(value), None
    except ValidationError as error:
        paths = [item["loc"] for item in error.errors(include_url=False, include_input=False)]
    for path in paths:
        value = _without(value, path)
    wrong = ", ".join(".".join(map(str, path)) for path in paths)
    return model.model_validate(value), f"wrong type: {wrong}"


def _without(value: Json, path: tuple[int | str, ...]) -> Json:
    if not isinstance(value, dict):
        return value
    key, rest = str(path[0]), path[1:]
    if rest:
        return {**value, key: _without(value.get(key), rest)}
    return {name: item for name, item in value.items() if name != key}
