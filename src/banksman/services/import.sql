-- Queries of the import, all as banksman_system. %(rows)s are the rows of one kind of the file, as a JSON list.

-- name: lock
-- One import at a time.
select pg_advisory_xact_lock(hashtext('banksman:import'))

-- name: known
-- What an earlier import has loaded, of the refs that this file names.
select 'user' as kind, external_ref, null as project from banksman.users where external_ref = any (%(users)s)
union all
select 'project', external_ref, null from banksman.projects where external_ref = any (%(projects)s)
union all
select 'task', t.external_ref, p.external_ref from banksman.tasks t join banksman.projects p on p.id = t.project_id
 where t.external_ref = any (%(tasks)s)

-- name: taken_numbers
-- Rows whose number belongs to somebody else who is not in the file (and so keeps it).
with f as (select * from jsonb_to_recordset(%(rows)s) as x (n integer, ref text, wa_id text))
select f.n from f join banksman.users u on u.wa_id = f.wa_id
 where case when u.external_ref is null then u.status = 'blocked' and exists (select from banksman.users k where k.external_ref = f.ref)
       else not exists (select from f g where g.ref = u.external_ref) end
 order by f.n

-- name: free_numbers
-- Numbers on the move: of people with a new one, and of a stranger's row who turns out to be somebody known.
with f as (select * from jsonb_to_recordset(%(rows)s) as x (ref text, wa_id text))
update banksman.users u set wa_id = null, updated_at = now() from f
 where (u.external_ref = f.ref and u.wa_id <> f.wa_id)
    or (u.wa_id = f.wa_id and u.external_ref is null and exists (select from banksman.users k where k.external_ref = f.ref))

-- name: put_users
-- A person who wrote before they were imported is the same person: the row with that number is taken over.
-- The language that a person has stays: they may have chosen it.
with f as (
    select * from jsonb_to_recordset(%(rows)s) as x (n integer, ref text, wa_id text, name text, language text, time_zone text)
), known as (
    select f.*, u.id from f
      join banksman.users u on u.external_ref = f.ref or (u.wa_id = f.wa_id and u.external_ref is null)
), changed as (
    update banksman.users u
       set wa_id = k.wa_id, external_ref = k.ref, name = k.name, time_zone = coalesce(k.time_zone, u.time_zone),
           language = coalesce(u.language, k.language),
           status = case u.status when 'pending' then 'active' else u.status end, updated_at = now()
      from known k
     where u.id = k.id
       and ((u.wa_id, u.external_ref, u.name, u.time_zone)
                is distinct from (k.wa_id, k.ref, k.name, coalesce(k.time_zone, u.time_zone))
            or u.status = 'pending' or (u.language is null and k.language is not null))
)
insert into banksman.users (wa_id, external_ref, name, language, time_zone, status, created_at)
select f.wa_id, f.ref, f.name, f.language, coalesce(f.time_zone, 'UTC'), 'active', now() + f.n * interval '1 microsecond'
  from f where not exists (select from known k where k.ref = f.ref)

-- name: put_projects
insert into banksman.projects as p (external_ref, name, address)
select ref, name, address from jsonb_to_recordset(%(rows)s) as x (ref text, name text, address text)
on conflict (external_ref) do update set name = excluded.name, address = excluded.address, updated_at = now()
 where (p.name, p.address) is distinct from (excluded.name, excluded.address)

-- name: end_members
with f as (select * from jsonb_to_recordset(%(rows)s) as x (ref text, members text[]))
update banksman.project_members m set ended_at = now()
  from f join banksman.projects p on p.external_ref = f.ref
 where m.project_id = p.id and m.ended_at is null
   and not exists (select from banksman.users u where u.id = m.user_id and u.external_ref = any (f.members))

-- name: put_members
insert into banksman.project_members as m (project_id, user_id)
select distinct p.id, u.id from jsonb_to_recordset(%(rows)s) as f (ref text, members text[])
  join banksman.projects p on p.external_ref = f.ref
  join banksman.users u on u.external_ref = any (f.members)
on conflict (project_id, user_id) do update set ended_at = null, since = now() where m.ended_at is not null

-- name: put_tasks
-- status and progress count when the task is new.
insert into banksman.tasks as t (external_ref, project_id, title, description, status, progress, due)
select f.ref, p.id, f.title, f.description, f.status, f.progress, f.due
  from jsonb_to_recordset(%(rows)s) as f (
       ref text, project text, title text, description text, status text, progress smallint, due date)
  join banksman.projects p on p.external_ref = f.project
on conflict (external_ref) do update
   set project_id = excluded.project_id, title = excluded.title, description = excluded.description, due = excluded.due,
       updated_at = now()
 where (t.project_id, t.title, t.description, t.due)
       is distinct from (excluded.project_id, excluded.title, excluded.description, excluded.due)

-- name: move_documents
-- The papers of a task go with it to another project.
update banksman.documents d set project_id = t.project_id
  from banksman.tasks t, jsonb_to_recordset(%(rows)s) as f (ref text)
 where t.external_ref = f.ref and d.task_id = t.id and d.project_id <> t.project_id

-- name: end_assignees
with f as (select * from jsonb_to_recordset(%(rows)s) as x (ref text, assignees text[]))
update banksman.task_assignees a set ended_at = now()
  from f join banksman.tasks t on t.external_ref = f.ref
 where a.task_id = t.id and a.ended_at is null
   and not exists (select from banksman.users u where u.id = a.user_id and u.external_ref = any (f.assignees))

-- name: put_assignees
insert into banksman.task_assignees as a (task_id, user_id)
select distinct t.id, u.id from jsonb_to_recordset(%(rows)s) as f (ref text, assignees text[])
  join banksman.tasks t on t.external_ref = f.ref
  join banksman.users u on u.external_ref = any (f.assignees)
on conflict (task_id, user_id) do update set ended_at = null where a.ended_at is not null

-- name: put_media
insert into banksman.media (sha256, mime_type, size_bytes)
select distinct on (sha256) sha256, mime_type, size_bytes
  from jsonb_to_recordset(%(rows)s) as f (sha256 text, mime_type text, size_bytes bigint)
on conflict (sha256) do nothing

-- name: put_documents
insert into banksman.documents as d (project_id, task_id, kind, title, file_name, media_id, position)
select p.id, t.id, f.kind, f.title, f.file_name, m.id, f.n
  from jsonb_to_recordset(%(rows)s) as f (
       n integer, project text, task text, kind text, title text, file_name text, sha256 text)
  join banksman.projects p on p.external_ref = f.project
  left join banksman.tasks t on t.external_ref = f.task
  join banksman.media m on m.sha256 = f.sha256
on conflict (project_id, task_id, kind, title) do update
   set file_name = excluded.file_name, media_id = excluded.media_id, position = excluded.position
 where (d.file_name, d.media_id, d.position) is distinct from (excluded.file_name, excluded.media_id, excluded.position)

-- name: anybody
select exists (select from banksman.users)
