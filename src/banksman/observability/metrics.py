"""Counters and times for `GET /metrics` (Prometheus). No label ever names a person."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

WEBHOOKS = Counter("banksman_webhooks", "Webhook deliveries answered", ["status"])
INBOX_BATCH = Histogram(
    "banksman_inbox_batch", "Deliveries that shared a transaction", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 400)
)
TURNS = Counter("banksman_turns", "Turns ended", ["outcome"])
TURN_SECONDS = Histogram("banksman_turn_seconds", "From claim to finish", buckets=SECONDS)
SENDS = Counter("banksman_sends", "Sends by what came of them", ["outcome"])
SEND_SECONDS = Histogram("banksman_send_seconds", "One call of the Graph API", buckets=SECONDS)
TOKENS = Counter("banksman_tokens", "Model tokens", ["kind"])
