"""WhatsApp's Cloud API: replies, their rendering to its limits, the client, the outbox and media."""
