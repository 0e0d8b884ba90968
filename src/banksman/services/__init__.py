"""Reads and writes under the user's rights. SQL is in `queries.sql`; each query names `user_id`."""
