"""Claude: the client, its prompt, the tool loop and handles. Knows tools only as a list."""
