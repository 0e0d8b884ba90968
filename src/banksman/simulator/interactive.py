"""Limits of interactive messages: buttons, lists, carousels and their kin."""

from __future__ import annotations

from collections.abc import Callable

from banksman.simulator.errors import GraphError
from banksman.simulator.fields import array, bad, body, differ, link, missing, obj, one_of, optional, string
from banksman.simulator.wire import Node, node, nodes, text

CheckMedia = Callable[[Node, str], None]  # refuses a header's file; gets its object and its kind


def _frame(content: Node, check_media: CheckMedia, *, most: int = 1024, headers: tuple[str, ...] = ("text",)) -> Node:
    """Header, body and footer; gives the `action`."""
    body(content, "interactive.body", most)
    body(content, "interactive.footer", 60, required=False)
    if content.get("header") is not None:
        header = obj(content, "header", "interactive.header")
        kind = one_of(header, "type", "interactive.header.type", headers)
        if kind == "text":
            string(header, "text", "interactive.header.text", 60)
        else:
            check_media(obj(header, kind, f"interactive.header.{kind}"), kind)
    return obj(content, "action", "interactive.action")


def _bare(content: Node, names: tuple[str, ...] = ("header", "footer")) -> None:
    for name in names:
        if content.get(name) is not None:
            raise GraphError(100, f"Unexpected key '{name}' on param 'interactive'.")


def _button(content: Node, check_media: CheckMedia) -> None:
    action = _frame(content, check_media, headers=("text", "image", "video", "document"))
    buttons = array(action, "buttons", "interactive.action.buttons", least=1, most=3)
    _check_replies(buttons, "reply", "interactive.action.buttons")


def _check_replies(buttons: list[Node], kind: str, path: str) -> None:
    replies = []
    for index, button in enumerate(buttons):
        one_of(button, "type", f"{path}[{index}].type", (kind,))
        reply = obj(button, kind, f"{path}[{index}].{kind}")
        string(reply, "id", f"{path}[{index}].{kind}.id", 256, trimmed=True)
        string(reply, "title", f"{path}[{index}].{kind}.title", 20)
        replies.append(reply)
    differ([text(reply["id"]) for reply in replies], f"{path} ids")
    differ([text(reply["title"]) for reply in replies], f"{path} titles")


def _list(content: Node, check_media: CheckMedia) -> None:
    action = _frame(content, check_media, most=4096)
    string(action, "button", "interactive.action.button", 20)
    sections = array(action, "sections", "interactive.action.sections", least=1, most=10)
    ids: list[str] = []
    for number, section in enumerate(sections):
        path = f"interactive.action.sections[{number}]"
        if len(sections) > 1 and section.get("title") is None:
            raise missing(f"{path}.title")
        optional(section, "title", f"{path}.title", 24)
        for index, row in enumerate(array(section, "rows", f"{path}.rows", least=1, most=10)):
            ids.append(string(row, "id", f"{path}.rows[{index}].id", 200, trimmed=True))
            string(row, "title", f"{path}.rows[{index}].title", 24)
            optional(row, "description", f"{path}.rows[{index}].description", 72)
    if len(ids) > 10:
        raise bad("interactive.action.sections", f"total row count exceeds max allowed count: 10, is {len(ids)}.")
    differ(ids, "interactive.action.sections rows ids")


def _carousel(content: Node, check_media: CheckMedia) -> None:
    _bare(content)
    action = _frame(content, check_media)
    cards = array(action, "cards", "interactive.action.cards", least=2, most=10)
    shapes = {_card(card, index) for index, card in enumerate(cards)}
    if len(shapes) > 1:
        raise bad("interactive.action.cards", "kinds of header and of buttons must be the same on every card.")


def _card(card: Node, index: int) -> tuple[str, str, int]:
    """Check one card; gives its kind of header, its kind of button and the number of buttons."""
    path = f"interactive.action.cards[{index}]"
    if card.get("card_index") != index:
        raise bad(f"{path}.card_index", f"must be {index}.")
    if card.get("type") is not None:
        one_of(card, "type", f"{path}.type", ("cta_url", "quick_reply"))
    header = obj(card, "header", f"{path}.header")
    kind = one_of(header, "type", f"{path}.header.type", ("image", "video"))
    link(obj(header, kind, f"{path}.header.{kind}"), "link", f"{path}.header.{kind}.link")
    words = body(card, f"{path}.body", 160, required=False)
    if words.count("\n") > 2:
        raise bad(f"{path}.body.text", "at most 2 line breaks.")
    action = obj(card, "action", f"{path}.action")
    if action.get("name") is not None:
        one_of(action, "name", f"{path}.action.name", ("cta_url",))
        _url(action, f"{path}.action")
        return kind, "url", 1
    buttons = array(action, "buttons", f"{path}.action.buttons", least=1, most=3)
    _check_replies(buttons, "quick_reply", f"{path}.action.buttons")
    return kind, "quick_reply", len(buttons)


def _url(action: Node, path: str) -> None:
    parameters = obj(action, "parameters", f"{path}.parameters")
    string(parameters, "display_text", f"{path}.parameters.display_text", 20)
    link(parameters, "url", f"{path}.parameters.url")


def _cta_url(content: Node, check_media: CheckMedia) -> None:
    action = _frame(content, check_media, headers=("text", "image", "video", "document"))
    one_of(action, "name", "interactive.action.name", ("cta_url",))
    _url(action, "interactive.action")


def _request(name: str) -> Callable[[Node, CheckMedia], None]:
    def check(content: Node, check_media: CheckMedia) -> None:
        _bare(content)
        one_of(_frame(content, check_media), "name", "interactive.action.name", (name,))

    return check


def _flow(content: Node, check_media: CheckMedia) -> None:
    action = _frame(content, check_media, headers=("text", "image", "video", "document"))
    one_of(action, "name", "interactive.action.name", ("flow",))
    parameters = obj(action, "parameters", "interactive.action.parameters")
    string(parameters, "flow_cta", "interactive.action.parameters.flow_cta", 20)
    one_of(parameters, "flow_message_version", "interactive.action.parameters.flow_message_version", ("3",))
    if not (parameters.get("flow_id") or parameters.get("flow_name")):
        raise missing("interactive.action.parameters.flow_id")


def tappable(kind: str, content: Node) -> list[tuple[str, Node]]:
    """What a person can tap in a message: (kind of answer, {id, title, description}) in order.

    The kind is `button_reply` or `list_reply` of an interactive answer, or `button` for a template.
    """
    if kind == "template":
        buttons = [item for item in nodes(content.get("components")) if "sub_type" in item]
        quick = [item for item in buttons if str(item["sub_type"]).lower() == "quick_reply"]
        payloads = [text(part.get("payload")) for item in quick for part in nodes(item.get("parameters"))]
        return [("button", {"id": payload, "title": payload}) for payload in payloads]
    action = node(content.get("action"))
    rows = [row for section in nodes(action.get("sections")) for row in nodes(section.get("rows"))]
    cards = [button for card in nodes(action.get("cards")) for button in nodes(node(card.get("action")).get("buttons"))]
    replies = [node(button.get("reply")) for button in nodes(action.get("buttons"))]
    replies += [node(button.get("quick_reply")) for button in cards]
    return [("list_reply", row) for row in rows] + [("button_reply", reply) for reply in replies]


KINDS: dict[str, Callable[[Node, CheckMedia], None]] = {
    "button": _button,
    "list": _list,
    "carousel": _carousel,
    "cta_url": _cta_url,
    "location_request_message": _request("send_location"),
    "request_contact_info": _request("request_contact_info"),
    "flow": _flow,
}
