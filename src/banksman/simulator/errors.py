"""Graph's refusals, in the envelope that Meta uses."""

from __future__ import annotations

import secrets

from starlette.responses import JSONResponse

from banksman.simulator.wire import Node

# Titles as in Meta's table of error codes.
TITLES: dict[int, str] = {
    0: "AuthException",
    4: "API Too Many Calls",
    100: "Invalid parameter",
    190: "Access token has expired",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131026: "Message undeliverable",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131051: "Unsupported message type",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    131057: "Business Account is in maintenance mode",
    132012: "Template Parameter Format Mismatch",
    133004: "Server Temporarily Unavailable",
}

DETAILS: dict[int, str] = {
    131026: "Message Undeliverable.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied "
    "to this number.",
    131056: "Message failed to send because there were too many messages sent from this phone number to the "
    "same phone number in a short period of time.",
}

HREF = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


class GraphError(Exception):
    """A request that Graph refuses."""

    def __init__(
        self,
        code: int,
        details: str = "",
        *,
        status: int = 400,
        subcode: int | None = None,
        message: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.code, self.status, self.subcode, self.retry_after = code, status, subcode, retry_after
        self.details = details or DETAILS.get(code, "")
        self.message = message or f"(#{code}) {TITLES.get(code, 'Error')}"
        super().__init__(f"{self.message}: {self.details}")

    def response(self) -> JSONResponse:
        """The answer that says so."""
        error: Node = {
            "message": self.message,
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": "A" + secrets.token_urlsafe(16),
        }
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse({"error": error}, status_code=self.status, headers=headers)


def status_error(code: int) -> Node:
    """The error of a `failed` status webhook."""
    title = TITLES.get(code, "Error")
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": DETAILS.get(code, title)},
        "href": HREF,
    }


def unknown_object(name: str) -> GraphError:
    """No such phone number, media or other id. It is 400 and not 404."""
    return GraphError(
        100,
        status=400,
        subcode=33,
        message=f"Unsupported request. Object with ID '{name}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation.",
    )
