"""Logs, traces and metrics; may be used by every room."""
