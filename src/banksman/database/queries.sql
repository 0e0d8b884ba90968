-- Queries about the database itself, as banksman_system.

-- name: schema_version
select coalesce(max(version), 0) from banksman.schema_versions

-- name: health
select (select coalesce(max(version), 0) from banksman.schema_versions) as version,
       coalesce((select extract(epoch from now() - min(due_at)) from banksman.conversations
                  where due_at < now() and (lease_until is null or lease_until < now())), 0)::float as late_s
