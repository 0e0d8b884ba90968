"""The database: pools, "as this user", named queries, the embedded server and the migration."""
