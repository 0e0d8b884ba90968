-- Queries of the import, all as banksman_system.

-- name: put_user
-- A person who wrote before they were imported is the same person: the row with that number is taken over.
with known as (
    select id from banksman.users where external_ref = %(ref)s or (wa_id = %(wa_id)s and external_ref is null)
     order by external_ref nulls last limit 1
), changed as (
    update banksman.users u
       set wa_id = %(wa_id)s, external_ref = %(ref)s, name = %(name)s, time_zone = %(time_zone)s,
           language = coalesce(u.language, %(language)s),
           status = case u.status when 'pending' then 'active' else u.status end,
           updated_at = now()
      from known
     where u.id = known.id
       and (u.wa_id, u.external_ref, u.name, u.time_zone) is distinct from (%(wa_id)s, %(ref)s, %(name)s, %(time_zone)s)
)
, added as (
    insert into banksman.users (wa_id, external_ref, name, language, time_zone, status, created_at)
    select %(wa_id)s, %(ref)s, %(name)s, %(language)s, %(time_zone)s, 'active', clock_timestamp()
     where not exists (select from known)
    returning id
)
select id from known union all select id from added

-- name: put_project
insert into banksman.projects as p (external_ref, name, address) values (%(ref)s, %(name)s, %(address)s)
on conflict (external_ref) do update
   set name = excluded.name, address = excluded.address,
       updated_at = case when (p.name, p.address) is distinct from (excluded.name, excluded.address) then now() else p.updated_at end
returning id

-- name: put_member
insert into banksman.project_members as m (project_id, user_id) values (%(project_id)s, %(user_id)s)
on conflict (project_id, user_id) do update set ended_at = null, since = now() where m.ended_at is not null

-- name: end_members
update banksman.project_members set ended_at = now()
 where project_id = %(project_id)s and user_id <> all (%(members)s::uuid[]) and ended_at is null

-- name: put_task
insert into banksman.tasks as t (external_ref, project_id, title, description, status, progress, due)
values (%(ref)s, %(project_id)s, %(title)s, %(description)s, %(status)s, %(progress)s, %(due)s)
on conflict (external_ref) do update
   set project_id = excluded.project_id, title = excluded.title, description = excluded.description, due = excluded.due,
       updated_at = case when (t.project_id, t.title, t.description, t.due)
                              is distinct from (excluded.project_id, excluded.title, excluded.description, excluded.due)
                         then now() else t.updated_at end
returning id

-- name: put_assignee
insert into banksman.task_assignees as a (task_id, user_id) values (%(task_id)s, %(user_id)s)
on conflict (task_id, user_id) do update set ended_at = null where a.ended_at is not null

-- name: end_assignees
update banksman.task_assignees set ended_at = now()
 where task_id = %(task_id)s and user_id <> all (%(assignees)s::uuid[]) and ended_at is null

-- name: put_media
with added as (
    insert into banksman.media (sha256, mime_type, size_bytes) values (%(sha256)s, %(mime_type)s, %(size_bytes)s)
    on conflict (sha256) do nothing returning id
)
select id from added union all select id from banksman.media where sha256 = %(sha256)s limit 1

-- name: put_document
insert into banksman.documents (project_id, task_id, kind, title, file_name, media_id, position)
values (%(project_id)s, %(task_id)s, %(kind)s, %(title)s, %(file_name)s, %(media_id)s, %(position)s)
on conflict (project_id, task_id, kind, title) do update
   set file_name = excluded.file_name, media_id = excluded.media_id, position = excluded.position
returning id

-- name: user_of_ref
select id from banksman.users where external_ref = %(ref)s

-- name: project_of_ref
select id from banksman.projects where external_ref = %(ref)s

-- name: task_of_ref
select id from banksman.tasks where external_ref = %(ref)s

-- name: task_project
select project_id from banksman.tasks where id = %(task_id)s

-- name: anybody
select exists (select from banksman.users)
