"""banksman: an assistant that building crews talk to on WhatsApp."""
