"""The servers that are measured against each other, one process each."""
