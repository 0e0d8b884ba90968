"""The front door: signature, payload models, inbox. Knows nothing of conversations."""
