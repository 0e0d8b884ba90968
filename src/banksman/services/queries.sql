-- Queries of the services. All but the claims run as banksman_user; %(user_id)s is the person of the
-- transaction, and row-level security stands beside it as a second wall.

-- name: claim_turn
-- As banksman_system; the function drops to the person's rights after its claim.
select banksman.claim_turn(
    make_interval(secs => %(lease)s), make_interval(secs => %(timeout)s), %(workday_start)s::time, %(messages)s, %(history)s)

-- name: renew_turn
select banksman.renew_turn(%(user_id)s::uuid, %(token)s, make_interval(secs => %(lease)s))

-- name: finish_turn
select banksman.finish_turn(%(finish)s::jsonb, make_interval(secs => %(pause)s), make_interval(secs => %(send_lease)s))

-- name: fail_turn
select banksman.fail_turn(%(user_id)s::uuid, %(token)s, %(error)s, make_interval(secs => %(delay)s))

-- name: list_projects
select p.id, p.name, p.address,
       count(t.id) filter (where t.status <> 'done') as open_tasks,
       count(t.id) as tasks,
       round(avg(t.progress))::integer as progress,
       count(*) over () as total
  from banksman.projects p
  join banksman.project_members m on m.project_id = p.id and m.user_id = %(user_id)s and m.ended_at is null
  left join banksman.tasks t on t.project_id = p.id
 group by p.id
 order by p.name, p.id
 limit %(limit)s offset %(offset)s

-- name: list_tasks
-- Of one project all tasks; else the person's own open ones, or the open ones of their projects where none is theirs.
with visible as (
    select t.id, t.project_id, p.name as project, t.title, t.status, t.progress, t.due,
           exists (select from banksman.task_assignees a
                    where a.task_id = t.id and a.user_id = %(user_id)s and a.ended_at is null) as mine
      from banksman.tasks t
      join banksman.projects p on p.id = t.project_id
      join banksman.project_members m on m.project_id = p.id and m.user_id = %(user_id)s and m.ended_at is null
     where %(project_id)s::uuid is null or t.project_id = %(project_id)s::uuid
)
select v.*, count(*) over () as total
  from visible v
 where %(project_id)s::uuid is not null
    or (v.status <> 'done' and (v.mine or not exists (select from visible o where o.mine and o.status <> 'done')))
 order by v.status = 'done', v.due nulls last, v.title, v.id
 limit %(limit)s offset %(offset)s

-- name: project_name
select p.id, p.name,
       (select count(*) from banksman.documents d where d.project_id = p.id and d.task_id is null) as documents
  from banksman.projects p
  join banksman.project_members m on m.project_id = p.id and m.user_id = %(user_id)s and m.ended_at is null
 where p.id = %(project_id)s

-- name: task_details
select t.id, t.project_id, p.name as project, t.title, t.description, t.status, t.progress, t.due,
       exists (select from banksman.task_assignees a
                where a.task_id = t.id and a.user_id = %(user_id)s and a.ended_at is null) as mine,
       coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'kind', d.kind, 'title', d.title, 'file_name', d.file_name,
                                                     'media_id', f.id, 'mime_type', f.mime_type) order by d.position, d.title)
                   from banksman.documents d join banksman.media f on f.id = d.media_id
                  where d.task_id = t.id), '[]') as documents
  from banksman.tasks t
  join banksman.projects p on p.id = t.project_id
  join banksman.project_members m on m.project_id = p.id and m.user_id = %(user_id)s and m.ended_at is null
 where t.id = %(task_id)s

-- name: project_documents
select d.id, d.kind, d.title, d.file_name, f.id as media_id, f.mime_type, d.task_id, d.project_id
  from banksman.documents d
  join banksman.media f on f.id = d.media_id
  join banksman.project_members m on m.project_id = d.project_id and m.user_id = %(user_id)s and m.ended_at is null
 where d.project_id = %(project_id)s and d.task_id is null
 order by d.position, d.title

-- name: titles
with mine as (
    select m.project_id from banksman.project_members m where m.user_id = %(user_id)s and m.ended_at is null
)
select p.id, p.name as title from banksman.projects p
 where p.id = any (%(ids)s::uuid[]) and p.id in (select project_id from mine)
union all
select t.id, t.title from banksman.tasks t
 where t.id = any (%(ids)s::uuid[]) and t.project_id in (select project_id from mine)
union all
select d.id, d.title from banksman.documents d
 where d.id = any (%(ids)s::uuid[]) and d.project_id in (select project_id from mine)

-- name: document
select d.id, d.kind, d.title, d.file_name, f.id as media_id, f.mime_type, d.task_id, d.project_id
  from banksman.documents d
  join banksman.media f on f.id = d.media_id
  join banksman.project_members m on m.project_id = d.project_id and m.user_id = %(user_id)s and m.ended_at is null
 where d.id = %(document_id)s

-- name: people_with_numbers
-- As banksman_system, for development: whose phones the simulator plays, and who `say` can speak as.
select id, wa_id, bsuid, name, language, external_ref from banksman.users
 where wa_id is not null and name is not null
 order by created_at, external_ref limit 200

-- name: replies_to
-- As banksman_system, for development: what was answered to one message, once its turn has ended.
select t.status, o.body, o.payload, o.status as send_status
  from banksman.messages i
  join banksman.turns t on t.id = i.turn_id and t.finished_at is not null
  left join banksman.messages o on o.turn_id = t.id and o.direction = 'out'
 where i.wa_message_id = %(wa_message_id)s
 order by o.seq
