-- banksman, database schema v2. Idempotent: running it again changes nothing.
--
-- Run by `banksman migrate`, or paste it into Supabase's SQL editor. Needs a role that owns the database
-- and may create roles (no superuser). Touches nothing outside the schema `banksman` and its own roles.
-- Works on Postgres 15 and later.

begin;

set local client_min_messages = warning;
set local statement_timeout = '10min';
select pg_advisory_xact_lock(hashtext('banksman:migration'));
set local lock_timeout = '10s';

-- Roles ------------------------------------------------------------------------------------------
-- banksman_app signs in and can do nothing by itself; each transaction drops to one of the other three.

do $$
declare
    role_name text;
begin
    if not exists (select from pg_roles where rolname = 'banksman_app') then
        create role banksman_app login noinherit;
    end if;
    foreach role_name in array array['banksman_user', 'banksman_staff', 'banksman_system'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I nologin', role_name);
        end if;
        -- Needed once by the creator; a later owner without the right to grant has been granted before.
        begin
            execute format('grant %I to banksman_app', role_name);
            execute format('grant %I to %I', role_name, current_user);
        exception when insufficient_privilege then
            if not (pg_has_role('banksman_app', role_name, 'member')
                    and pg_has_role(current_user, role_name, 'member')) then
                raise;
            end if;
        end;
    end loop;
    select rolname into role_name from pg_roles
     where rolname in ('banksman_app', 'banksman_user', 'banksman_staff', 'banksman_system')
       and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
            or rolcanlogin <> (rolname = 'banksman_app') or (rolinherit and rolname = 'banksman_app'));
    if found then
        raise exception 'the role % exists already and may do too much', role_name;
    end if;
end
$$;

create schema if not exists banksman;
comment on schema banksman is 'Everything of the banksman service. Not exposed by any REST interface.';
revoke all on schema banksman from public;
grant usage on schema banksman to banksman_user, banksman_staff, banksman_system;

-- Version ----------------------------------------------------------------------------------------

create table if not exists banksman.schema_versions (
    version integer primary key,
    applied_at timestamptz not null default now()
);
comment on table banksman.schema_versions is 'Which versions of this script have run. The service compares the highest with its own.';

do $$
begin
    if exists (select from pg_policies where schemaname = 'banksman' and tablename = 'schema_versions') then
        set local role banksman_system; -- forced row-level security binds the owner, too
        if exists (select from banksman.schema_versions where version > 1) then
            raise exception 'this database is newer than this script';
        end if;
        reset role;
    end if;
end
$$;

-- Who asks ---------------------------------------------------------------------------------------

create or replace function banksman.user_id() returns uuid
language plpgsql stable set search_path = '' as $$
begin
    return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
exception when others then
    return null; -- absent or malformed claims are nobody
end
$$;
comment on function banksman.user_id() is 'The person for whom this transaction runs (sub of request.jwt.claims), or null. Policies use it.';

-- People and their work ----------------------------------------------------------------------------

create table if not exists banksman.users (
    id uuid primary key default gen_random_uuid(),
    wa_id text unique check (wa_id ~ '^[0-9]{1,32}$'),
    bsuid text unique check (length(bsuid) between 1 and 200),
    parent_bsuid text,
    name text check (length(name) <= 200),
    language text check (language ~ '^[a-z]{2}$'),
    time_zone text not null default 'UTC' check (timestamptz '2000-01-01 00:00+00' at time zone time_zone is not null),
    status text not null default 'pending' check (status in ('pending', 'active', 'blocked')),
    external_ref text unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table banksman.users is 'People who write to the number. pending: not yet approved by staff.';
comment on column banksman.users.wa_id is 'Phone number as WhatsApp''s id, digits only. Null for who hides it or gave it up.';
comment on column banksman.users.bsuid is 'WhatsApp''s business-scoped user id.';

create table if not exists banksman.projects (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    address text,
    external_ref text unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table banksman.projects is 'Building sites.';

create table if not exists banksman.project_members (
    project_id uuid not null references banksman.projects (id),
    user_id uuid not null references banksman.users (id),
    since timestamptz not null default now(),
    ended_at timestamptz,
    primary key (project_id, user_id)
);
comment on table banksman.project_members is 'Who may see a project. A membership ends by its date; nothing is deleted.';
create index if not exists project_members_user_idx on banksman.project_members (user_id, project_id) where ended_at is null;

create table if not exists banksman.tasks (
    id uuid primary key default gen_random_uuid(),
    project_id uuid not null references banksman.projects (id),
    title text not null,
    description text,
    status text not null default 'open' check (status in ('open', 'in_progress', 'blocked', 'done')),
    progress smallint not null default 0 check (progress between 0 and 100),
    due date,
    external_ref text unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table banksman.tasks is 'Pieces of work on a project. status and progress belong to the crew once a task exists.';
create index if not exists tasks_project_idx on banksman.tasks (project_id, due, id);

create table if not exists banksman.task_assignees (
    task_id uuid not null references banksman.tasks (id),
    user_id uuid not null references banksman.users (id),
    ended_at timestamptz,
    primary key (task_id, user_id)
);
comment on table banksman.task_assignees is 'Whose task it is. Ends by its date.';
create index if not exists task_assignees_user_idx on banksman.task_assignees (user_id, task_id);

create table if not exists banksman.media (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references banksman.users (id),
    sha256 text not null unique check (sha256 ~ '^[0-9a-f]{64}$'),
    mime_type text not null,
    size_bytes bigint not null check (size_bytes >= 0),
    created_at timestamptz not null default now()
);
comment on table banksman.media is 'Stored files, each once by its hash. The bytes lie in the storage that the settings name.';
create index if not exists media_user_idx on banksman.media (user_id);

create table if not exists banksman.documents (
    id uuid primary key default gen_random_uuid(),
    project_id uuid not null references banksman.projects (id),
    task_id uuid references banksman.tasks (id),
    kind text not null check (kind in ('plan', 'photo', 'document')),
    title text not null,
    file_name text not null,
    media_id uuid not null references banksman.media (id),
    position integer not null default 0,
    created_at timestamptz not null default now(),
    unique nulls not distinct (project_id, task_id, kind, title)
);
comment on table banksman.documents is 'Plans, photos and papers of a project or of one of its tasks.';
create index if not exists documents_task_idx on banksman.documents (task_id, position);
create index if not exists documents_media_idx on banksman.documents (media_id);

-- Conversations ----------------------------------------------------------------------------------

create table if not exists banksman.conversation_sessions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references banksman.users (id),
    status text not null default 'active' check (status in ('active', 'escalated', 'ended')),
    started_at timestamptz not null default now(),
    last_message_at timestamptz not null default now(),
    ended_at timestamptz,
    end_reason text,
    message_count integer not null default 0,
    summary text,
    context jsonb not null default '{}',
    check ((status = 'ended') = (ended_at is not null))
);
comment on table banksman.conversation_sessions is 'Conversations as people mean them: a working day''s talk. At most one of a person is not ended.';
comment on column banksman.conversation_sessions.context is 'What the talk is about: the project and task in talk.';
create unique index if not exists conversation_sessions_open_idx on banksman.conversation_sessions (user_id) where status <> 'ended';
create index if not exists conversation_sessions_user_idx on banksman.conversation_sessions (user_id, started_at);

create table if not exists banksman.turns (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references banksman.users (id),
    session_id uuid references banksman.conversation_sessions (id),
    status text not null default 'running' check (status in ('running', 'done', 'failed')),
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    duration_ms integer,
    input_tokens integer not null default 0,
    output_tokens integer not null default 0,
    cache_read_tokens integer not null default 0,
    error_type text,
    trace_id text,
    variant text
);
comment on table banksman.turns is 'One answer to one burst of messages of one person.';
create index if not exists turns_user_idx on banksman.turns (user_id, started_at);
create index if not exists turns_session_idx on banksman.turns (session_id);

create table if not exists banksman.messages (
    id uuid primary key default gen_random_uuid(),
    seq bigint generated always as identity unique,
    user_id uuid references banksman.users (id),
    session_id uuid references banksman.conversation_sessions (id),
    turn_id uuid references banksman.turns (id),
    direction text not null check (direction in ('in', 'out')),
    wa_message_id text unique check (length(wa_message_id) between 1 and 512),
    kind text not null,
    body text,
    tap text,
    reply_to text,
    payload jsonb,
    status text not null,
    risk real not null default 0 check (risk between 0 and 1),
    refused boolean not null default false,
    sent_at timestamptz,
    created_at timestamptz not null default now(),
    awaits_answer boolean not null default false,
    tries integer not null default 0,
    unknown_tries integer not null default 0,
    first_try_at timestamptz,
    next_try_at timestamptz,
    sending_clock double precision,
    error_code integer,
    check (case direction
        when 'in' then status in ('received', 'withdrawn')
        else status in ('queued', 'sending', 'accepted', 'sent', 'delivered', 'read', 'failed', 'expired') end)
);
comment on table banksman.messages is 'Every message, in and out. An out row is one send: its id is the biz_opaque_callback_data.';
comment on column banksman.messages.seq is 'Order of arrival, and of sending.';
comment on column banksman.messages.tap is 'Payload of the button or row that was tapped.';
comment on column banksman.messages.payload is 'In: the message as received. Out: the Graph message without its address.';
comment on column banksman.messages.sent_at is 'In: the sender''s own clock, or the arrival if that is earlier.';
comment on column banksman.messages.awaits_answer is 'In: an answer is due and no turn has given it.';
comment on column banksman.messages.unknown_tries is 'Out: how many sends ended without an answer from Graph.';
comment on column banksman.messages.sending_clock is 'Out: reading of the listening clock when the send began.';
create index if not exists messages_user_idx on banksman.messages (user_id, seq);
create index if not exists messages_waiting_idx on banksman.messages (user_id, seq) where awaits_answer;
create index if not exists messages_unsettled_idx on banksman.messages (user_id, seq) where direction = 'out' and status in ('queued', 'sending');
create index if not exists messages_session_idx on banksman.messages (session_id, seq);
create index if not exists messages_turn_idx on banksman.messages (turn_id);

create table if not exists banksman.conversations (
    user_id uuid primary key references banksman.users (id),
    due_at timestamptz,
    waiting_since timestamptz,
    lease_until timestamptz,
    lease_token bigint not null default 0,
    turn_id uuid,
    claims integer not null default 0,
    failures integer not null default 0,
    introduced boolean not null default false,
    window_from timestamptz,
    send_due_at timestamptz,
    send_lease_until timestamptz,
    send_lease_token bigint not null default 0
);
comment on table banksman.conversations is 'The queue: a person''s conversation is due for a turn at due_at and for a send at send_due_at.';
comment on column banksman.conversations.due_at is 'When a worker may take it; while one holds it, when its lease ends.';
comment on column banksman.conversations.lease_token is 'Raised by each claim. Writes of a turn check it, so that a stalled worker can change nothing.';
comment on column banksman.conversations.turn_id is 'The turn under way; a repeat goes on with it.';
comment on column banksman.conversations.claims is 'How often the turn under way was begun.';
comment on column banksman.conversations.window_from is 'Newest inbound message by its own clock: WhatsApp''s 24 hours count from here.';
create index if not exists conversations_due_idx on banksman.conversations (due_at) where due_at is not null;
create index if not exists conversations_send_due_idx on banksman.conversations (send_due_at) where send_due_at is not null;

create table if not exists banksman.intent_classifications (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references banksman.users (id),
    session_id uuid references banksman.conversation_sessions (id),
    message_id uuid not null references banksman.messages (id),
    intent text not null check (intent in (
        'greeting', 'show_menu', 'list_projects', 'list_tasks', 'show_task', 'show_plans', 'update_progress',
        'complete_task', 'report_incident', 'update_incident', 'set_language', 'speak_to_human', 'thanks',
        'feedback', 'stop', 'other')),
    confidence real not null check (confidence between 0 and 1),
    method text not null check (method in ('payload', 'keyword', 'model')),
    model text,
    duration_ms integer,
    corrected_intent text,
    created_at timestamptz not null default now(),
    unique (message_id)
);
comment on table banksman.intent_classifications is 'What each message was taken to ask for, and how that was decided.';
create index if not exists intent_classifications_user_idx on banksman.intent_classifications (user_id, created_at);
create index if not exists intent_classifications_session_idx on banksman.intent_classifications (session_id);

create table if not exists banksman.tool_calls (
    id uuid primary key default gen_random_uuid(),
    turn_id uuid references banksman.turns (id),
    call_number integer not null default 0,
    user_id uuid not null references banksman.users (id),
    name text not null,
    input jsonb,
    outcome text not null check (outcome in ('ok', 'invalid', 'refused', 'error')),
    duration_ms integer,
    created_at timestamptz not null default now(),
    unique (turn_id, call_number)
);
comment on table banksman.tool_calls is 'What the agent called in a turn.';
create index if not exists tool_calls_user_idx on banksman.tool_calls (user_id, created_at);

create table if not exists banksman.session_handles (
    session_id uuid not null references banksman.conversation_sessions (id),
    handle text not null check (handle ~ '^[A-Z][0-9]{1,6}$'),
    user_id uuid not null references banksman.users (id),
    kind text not null check (kind in ('project', 'task', 'document')),
    target_id uuid not null,
    primary key (session_id, handle),
    unique (session_id, kind, target_id)
);
comment on table banksman.session_handles is 'Short names (P1, T4) under which the model knows things in one session. The model never sees an id.';
create index if not exists session_handles_user_idx on banksman.session_handles (user_id);

create table if not exists banksman.handoffs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references banksman.users (id),
    session_id uuid not null references banksman.conversation_sessions (id),
    turn_id uuid unique references banksman.turns (id),
    status text not null default 'waiting' check (status in ('waiting', 'taken', 'released')),
    reason text not null,
    acknowledged boolean not null default false,
    requested_at timestamptz not null default now(),
    taken_at timestamptz,
    taken_by text,
    released_at timestamptz,
    check ((status = 'released') = (released_at is not null))
);
comment on table banksman.handoffs is 'Wishes to speak with a human, and what became of them.';
comment on column banksman.handoffs.acknowledged is 'The person was told once that free text is kept for the human.';
create unique index if not exists handoffs_open_idx on banksman.handoffs (user_id) where status <> 'released';
create index if not exists handoffs_user_idx on banksman.handoffs (user_id, requested_at);
create index if not exists handoffs_session_idx on banksman.handoffs (session_id);

-- What came in beside messages -----------------------------------------------------------------------

create table if not exists banksman.message_statuses (
    wa_message_id text not null check (length(wa_message_id) between 1 and 512),
    status text not null,
    recipient text,
    message_id uuid references banksman.messages (id),
    sent_at timestamptz,
    error_code integer,
    payload jsonb,
    received_at timestamptz not null default now(),
    primary key (wa_message_id, status)
);
comment on table banksman.message_statuses is 'What WhatsApp told about sends: each kind once for each of its message ids.';
create index if not exists message_statuses_message_idx on banksman.message_statuses (message_id);

create table if not exists banksman.webhook_events (
    id uuid primary key default gen_random_uuid(),
    field text not null,
    payload jsonb,
    problem text,
    received_at timestamptz not null default now()
);
comment on table banksman.webhook_events is 'Whatever else a webhook body held, understood or not.';

create table if not exists banksman.webhook_rejects (
    id uuid primary key default gen_random_uuid(),
    body bytea not null,
    problem text not null,
    received_at timestamptz not null default now()
);
comment on table banksman.webhook_rejects is 'Signed bodies that could not be taken in, whole, for inspection.';

create table if not exists banksman.listening_clock (
    only_row boolean primary key default true check (only_row),
    seconds double precision not null default 0,
    ticked_at timestamptz not null default now()
);
comment on table banksman.listening_clock is 'Seconds during which webhooks could arrive. Waiting for a lost answer counts by this clock.';

-- Triggers ---------------------------------------------------------------------------------------

create or replace function banksman.count_message() returns trigger
language plpgsql set search_path = '' as $$
begin
    update banksman.conversation_sessions s
       set message_count = s.message_count + 1
     where s.id = new.session_id;
    return null;
end
$$;
comment on function banksman.count_message() is 'Keeps message_count of a session, both directions.';

drop trigger if exists messages_count_insert on banksman.messages;
create trigger messages_count_insert after insert on banksman.messages
    for each row when (new.session_id is not null) execute function banksman.count_message();
drop trigger if exists messages_count_update on banksman.messages;
create trigger messages_count_update after update of session_id on banksman.messages
    for each row when (new.session_id is not null and old.session_id is null) execute function banksman.count_message();

-- Storing what came in (as banksman_system) ----------------------------------------------------------

create or replace function banksman.person(p_wa_id text, p_bsuid text, p_parent text, p_name text) returns uuid
language plpgsql set search_path = '' as $$
declare
    u banksman.users;
    holder banksman.users;
begin
    if p_wa_id is null and p_bsuid is null then
        return null;
    end if;
    for attempt in 1..5 loop
        if p_bsuid is not null then
            select * into u from banksman.users where bsuid = p_bsuid;
            if found and (p_wa_id is null or u.wa_id = p_wa_id) then
                return u.id;
            end if;
            if found then -- known by the BSUID, and the number is new to us
                select * into holder from banksman.users where wa_id = p_wa_id for no key update;
                if found and holder.bsuid is null then
                    -- One person under two rows: the number's row (an import's) goes on, with both addresses.
                    update banksman.users set bsuid = null, updated_at = now() where id = u.id;
                    update banksman.users set bsuid = p_bsuid, updated_at = now() where id = holder.id;
                    return holder.id;
                end if;
                update banksman.users set wa_id = null, updated_at = now() where id = holder.id;
                update banksman.users set wa_id = p_wa_id, updated_at = now() where id = u.id;
                return u.id;
            end if;
        end if;
        if p_wa_id is not null then
            select * into u from banksman.users where wa_id = p_wa_id;
            if found and (p_bsuid is null or u.bsuid = p_bsuid) then
                return u.id;
            end if;
            if found and u.bsuid is null then
                update banksman.users set bsuid = p_bsuid, parent_bsuid = coalesce(p_parent, parent_bsuid), updated_at = now()
                 where id = u.id and bsuid is null;
                continue when not found;
                return u.id;
            end if;
            if found then -- the number changed hands: another person, who sees nothing of the earlier one
                update banksman.users set wa_id = null, updated_at = now() where id = u.id;
            end if;
        end if;
        insert into banksman.users (wa_id, bsuid, parent_bsuid, name)
        values (p_wa_id, p_bsuid, p_parent, p_name)
        on conflict do nothing returning * into u;
        if found then
            return u.id;
        end if;
    end loop;
    raise exception 'a person could not be settled' using errcode = 'serialization_failure';
end
$$;
comment on function banksman.person(text, text, text, text) is 'The user behind a sender''s addresses; a pending one is made where none is known.';

create or replace function banksman.rekey_person(p_before jsonb, p_after jsonb) returns boolean
language plpgsql set search_path = '' as $$
begin
    update banksman.users u
       set wa_id = coalesce(p_after ->> 'wa_id', u.wa_id),
           -- a new number comes with a new BSUID, told by the next message where it is not told here
           bsuid = case when p_after ->> 'bsuid' is not null then p_after ->> 'bsuid'
                        when p_after ->> 'wa_id' is distinct from u.wa_id then null else u.bsuid end,
           parent_bsuid = coalesce(p_after ->> 'parent_bsuid', u.parent_bsuid),
           updated_at = now()
     where u.id = coalesce(
            (select id from banksman.users where bsuid = p_before ->> 'bsuid'),
            (select id from banksman.users where wa_id = p_before ->> 'wa_id'));
    return found;
exception when unique_violation then
    return false; -- the new address is somebody else's already
end
$$;
comment on function banksman.rekey_person(jsonb, jsonb) is 'A person''s address changed: the same user from now on under the new one.';

create or replace function banksman.status_rank(p_status text) returns integer
language sql immutable set search_path = '' as $$
    select coalesce(array_position(array['queued', 'sending', 'accepted', 'sent', 'delivered', 'read'], p_status), 0)
$$;
comment on function banksman.status_rank(text) is 'Place on the ladder of a send; statuses come in any order and only climb.';

create or replace function banksman.apply_status(p_message uuid, p_status text, p_wa_message_id text, p_error integer, p_retry boolean)
returns void language plpgsql set search_path = '' as $$
declare
    m banksman.messages;
    climbed text := case p_status when 'played' then 'read' else p_status end;
begin
    select * into m from banksman.messages where id = p_message and direction = 'out' for no key update;
    if not found then
        return;
    end if;
    if climbed in ('sent', 'delivered', 'read') then
        if m.status in ('failed', 'expired') or banksman.status_rank(climbed) > banksman.status_rank(m.status) then
            update banksman.messages
               set status = climbed, error_code = null,
                   -- while it is queued, its id is that of a try that failed
                   wa_message_id = case when m.status = 'queued' then p_wa_message_id
                                        else coalesce(wa_message_id, p_wa_message_id) end
             where id = m.id;
        end if;
    elsif climbed = 'failed' then
        if m.status in ('delivered', 'read', 'failed', 'expired', 'queued')
           or (m.wa_message_id is not null and m.wa_message_id <> p_wa_message_id) then
            return; -- arrived all the same, or told of an earlier try
        end if;
        if p_retry and m.tries < 5 then
            -- The id stays until the next try, so that an answer of this one that comes late is known as such.
            update banksman.messages
               set status = 'queued', wa_message_id = p_wa_message_id, error_code = p_error,
                   next_try_at = now() + make_interval(secs => 4 ^ m.tries)
             where id = m.id;
        else -- 131047: more than 24 hours since the person last wrote
            update banksman.messages
               set status = case when p_error = 131047 then 'expired' else 'failed' end,
                   error_code = p_error, wa_message_id = coalesce(wa_message_id, p_wa_message_id)
             where id = m.id;
        end if;
    else
        return;
    end if;
    if m.status in ('queued', 'sending') or (climbed = 'failed' and p_retry) then -- settled: what waits behind it may go
        update banksman.conversations c
           -- A worker that lives prolongs its lease before these seconds are over; one that was killed cannot.
           set send_lease_until = case when c.send_lease_until > now() then least(c.send_lease_until, now() + interval '5 seconds')
                                       else c.send_lease_until end,
               send_due_at = case when c.send_lease_until > now() then least(c.send_due_at, now() + interval '5 seconds')
                                  else now() end
         where c.user_id = m.user_id;
        perform pg_notify('banksman_work', 'send 0');
    end if;
end
$$;
comment on function banksman.apply_status(uuid, text, text, integer, boolean) is 'What a status webhook says of a send, applied to its row.';

create or replace function banksman.store_delivery(p jsonb, p_pause interval, p_max_pause interval) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s' as $$
declare
    people uuid[]; -- by the sender's place
    touched uuid[];
    locked integer;
    receipts jsonb;
    item record;
    soonest integer;
begin
    select array_agg(coalesce(b.id, w.id) order by s.n) into people
      from rows from (jsonb_to_recordset(p -> 'senders') as (wa_id text, bsuid text)) with ordinality as s (wa_id, bsuid, n)
      left join banksman.users b on b.bsuid = s.bsuid and (s.wa_id is null or b.wa_id = s.wa_id)
      left join banksman.users w on s.bsuid is null and w.wa_id = s.wa_id;
    if array_position(people, null) is not null then -- new, or known by other addresses; all batches in one order
        for item in select s.*
                      from rows from (jsonb_to_recordset(p -> 'senders') as (wa_id text, bsuid text, parent_bsuid text, name text))
                           with ordinality as s (wa_id, bsuid, parent_bsuid, name, n)
                     where people[s.n] is null order by s.wa_id, s.bsuid loop
            people[item.n] := banksman.person(item.wa_id, item.bsuid, item.parent_bsuid, item.name);
        end loop;
    end if;
    select coalesce(array_agg(distinct x.id), '{}') into touched from unnest(people) as x (id);

    -- Every conversation touched is locked first and in one order, so that no two batches wait for each other.
    if jsonb_array_length(p -> 'statuses') > 0 then
        select array_agg(distinct x.id) into touched from (
            select unnest(touched)
            union all
            select m.user_id from jsonb_to_recordset(p -> 'statuses') as s (callback uuid)
              join banksman.messages m on m.id = s.callback
            union all
            select m.user_id from jsonb_to_recordset(p -> 'statuses') as s (id text)
              join banksman.messages m on m.wa_message_id = s.id) as x (id)
         where x.id is not null;
    end if;
    perform from banksman.conversations c where c.user_id = any (touched) order by c.user_id for update;
    get diagnostics locked = row_count;
    if locked < cardinality(touched) then
        insert into banksman.conversations (user_id) select x.id from unnest(touched) as x (id) order by x.id
        on conflict do nothing;
    end if;

    with incoming as (
        select distinct on (m.id) m.*, people[m.sender + 1] as user_id
          from jsonb_to_recordset(p -> 'messages') as m (
               n integer, sender integer, id text, kind text, body text, tap text, payload jsonb, sent_at double precision,
               awaits_answer boolean, first_only boolean, reply_to text)
         order by m.id, m.n
    ), blocked as (
        select u.id from banksman.users u where u.id = any (touched) and u.status = 'blocked'
    ), stored as (
        insert into banksman.messages as t (
               user_id, direction, wa_message_id, kind, body, tap, reply_to, payload, status, sent_at, awaits_answer)
        select i.user_id, 'in', i.id, i.kind, i.body, i.tap, i.reply_to, i.payload, 'received',
               least(coalesce(to_timestamp(i.sent_at), now()), now()),
               i.awaits_answer and i.user_id is not null
                   and i.user_id not in (select b.id from blocked b)
                   and not (i.first_only and exists (
                       select from banksman.messages e where e.user_id = i.user_id and e.kind = i.kind))
          from incoming i
         order by case when i.user_id is null then i.id end, i.n -- what no conversation's lock guards, in one order, too
        on conflict (wa_message_id) do nothing
        returning t.user_id, t.wa_message_id, t.seq, t.tap, t.sent_at, t.awaits_answer
    ), due as (
        update banksman.conversations c
           set waiting_since = coalesce(c.waiting_since, now()),
               window_from = greatest(c.window_from, s.window_from),
               due_at = case
                   when c.lease_until > now() then c.due_at -- the finish of the turn under way looks again
                   when c.due_at <= now() or s.due_at <= now() then least(c.due_at, s.due_at)
                   else least(s.due_at, coalesce(c.waiting_since, now()) + p_max_pause) end
          from (select user_id, max(sent_at) as window_from,
                       case when bool_or(tap is not null) then now() else now() + p_pause end as due_at
                  from stored where awaits_answer group by user_id) s
         where c.user_id = s.user_id
           and (c.due_at <= now() and c.waiting_since is not null and c.window_from >= s.window_from) is not true -- else as it was
        returning c.due_at
    )
    select coalesce((select jsonb_agg(s.wa_message_id order by s.seq) from stored s where s.awaits_answer), '[]'),
           (select ceil(1000 * extract(epoch from min(d.due_at) - now()))::integer from due d)
      into receipts, soonest;

    if jsonb_array_length(p -> 'changes') > 0 then -- edits and withdrawals of earlier messages
        for item in select c.*, people[c.sender + 1] as user_id
                      from jsonb_to_recordset(p -> 'changes') as c (sender integer, original_id text, body text, withdrawn boolean) loop
            update banksman.messages m
               set body = case when item.withdrawn then null else coalesce(item.body, m.body) end,
                   status = case when item.withdrawn then 'withdrawn' else m.status end,
                   awaits_answer = m.awaits_answer and not item.withdrawn
             where m.wa_message_id = item.original_id and m.user_id = item.user_id and m.direction = 'in';
        end loop;
    end if;

    if jsonb_array_length(p -> 'statuses') > 0 then
        for item in
            with s as (
                select distinct on (x.id, x.status) x.*
                  from jsonb_to_recordset(p -> 'statuses') as x (
                       n integer, id text, status text, callback uuid, recipient text, sent_at double precision,
                       error_code integer, retry boolean, payload jsonb)
                 order by x.id, x.status, x.n
            ), fresh as (
                insert into banksman.message_statuses as t (wa_message_id, status, recipient, message_id, sent_at, error_code, payload)
                select s.id, s.status, s.recipient,
                       coalesce((select m.id from banksman.messages m where m.wa_message_id = s.id and m.direction = 'out'),
                                (select m.id from banksman.messages m where m.id = s.callback and m.direction = 'out'
                                    and not exists (select from banksman.messages o where o.wa_message_id = s.id))),
                       to_timestamp(s.sent_at), s.error_code, s.payload
                  from s
                on conflict do nothing
                returning t.wa_message_id, t.status, t.message_id, t.error_code
            )
            select f.*, s.retry from fresh f join s on s.id = f.wa_message_id and s.status = f.status
             where f.message_id is not null order by s.n
        loop
            perform banksman.apply_status(item.message_id, item.status, item.wa_message_id, item.error_code, coalesce(item.retry, false));
        end loop;
    end if;

    if jsonb_array_length(p -> 'rekeys') > 0 then
        for item in select * from jsonb_to_recordset(p -> 'rekeys') as r (before jsonb, after jsonb) loop
            perform banksman.rekey_person(item.before, item.after);
        end loop;
    end if;

    if jsonb_array_length(p -> 'events') > 0 then
        insert into banksman.webhook_events (field, payload, problem)
        select e.field, e.payload, e.problem from jsonb_to_recordset(p -> 'events') as e (field text, payload jsonb, problem text);
    end if;

    if soonest is not null then
        perform pg_notify('banksman_work', 'turn ' || greatest(soonest, 0));
    end if;
    return receipts;
end
$$;
comment on function banksman.store_delivery(jsonb, interval, interval) is
    'Stores what webhook bodies held and marks their conversations due, all or nothing. Gives the ids of new messages that await an answer.';

create or replace function banksman.tick_listening_clock() returns double precision
language sql set search_path = '' as $$
    insert into banksman.listening_clock as c (only_row) values (true)
    on conflict (only_row) do update
       set seconds = c.seconds + greatest(least(extract(epoch from clock_timestamp() - c.ticked_at), 3), 0),
           ticked_at = clock_timestamp()
    returning seconds
$$;
comment on function banksman.tick_listening_clock() is 'Called every second by each process that takes webhooks; time in which none did is not counted.';

-- Sessions (as banksman_user) ------------------------------------------------------------------------

create or replace function banksman.session_continues(
    p_last timestamptz, p_next timestamptz, p_zone text, p_timeout interval, p_workday_start time) returns boolean
language sql stable set search_path = '' as $$
    select p_next - p_last <= p_timeout
       and (p_next - p_last < interval '1 hour'
            or ((p_next at time zone p_zone) - p_workday_start)::date = ((p_last at time zone p_zone) - p_workday_start)::date)
$$;
comment on function banksman.session_continues(timestamptz, timestamptz, text, interval, time) is
    'Whether a message belongs to the session of the last one: a short enough pause, and no new working day began in a pause of an hour or more.';

create or replace function banksman.touch_session(p_user uuid, p_at timestamptz, p_timeout interval, p_workday_start time)
returns banksman.conversation_sessions language plpgsql set search_path = '' as $$
declare
    u banksman.users;
    s banksman.conversation_sessions;
begin
    select * into u from banksman.users where id = p_user for no key update;
    select * into s from banksman.conversation_sessions where user_id = p_user and status <> 'ended' for no key update;
    if found then
        if s.status = 'escalated'
           or banksman.session_continues(s.last_message_at, p_at, u.time_zone, p_timeout, p_workday_start) then
            update banksman.conversation_sessions set last_message_at = greatest(last_message_at, p_at)
             where id = s.id and user_id = p_user returning * into s;
            return s;
        end if;
        update banksman.conversation_sessions
           set status = 'ended', ended_at = greatest(s.last_message_at, started_at),
               end_reason = case when p_at - s.last_message_at > p_timeout then 'timeout' else 'new_working_day' end
         where id = s.id and user_id = p_user;
    end if;
    insert into banksman.conversation_sessions (user_id, started_at, last_message_at) values (p_user, p_at, p_at)
    returning * into s;
    return s;
end
$$;
comment on function banksman.touch_session(uuid, timestamptz, interval, time) is 'The session that a message of this time belongs to; ends the old one and opens a new one as the rules say.';

-- Turns ------------------------------------------------------------------------------------------

create or replace function banksman.claim_turn(
    p_lease interval, p_timeout interval, p_workday_start time, p_messages integer, p_history integer) returns jsonb
language plpgsql set search_path = '' as $$
declare
    c banksman.conversations;
    u banksman.users;
    s banksman.conversation_sessions;
    m record;
    burst jsonb := '[]';
    first_seq bigint;
    code text;
begin
    select * into c from banksman.conversations where due_at <= now() order by due_at limit 1 for update skip locked;
    if not found then
        return jsonb_build_object('next_s', (select extract(epoch from min(due_at) - clock_timestamp()) from banksman.conversations));
    end if;
    update banksman.conversations
       set lease_token = lease_token + 1, lease_until = now() + p_lease, due_at = now() + p_lease, waiting_since = null,
           claims = claims + 1, turn_id = coalesce(turn_id, gen_random_uuid())
     where user_id = c.user_id returning * into c;

    begin
        -- From here on for the person, under their rights.
        perform set_config('role', 'banksman_user', true),
                set_config('request.jwt.claims', json_build_object('sub', c.user_id)::text, true);

        for m in select * from banksman.messages where user_id = c.user_id and awaits_answer order by seq limit p_messages loop
            s := banksman.touch_session(c.user_id, m.sent_at, p_timeout, p_workday_start);
            if m.session_id is null then
                update banksman.messages set session_id = s.id where id = m.id and user_id = c.user_id;
            end if;
            first_seq := coalesce(first_seq, m.seq);
            burst := burst || jsonb_build_object(
                'id', m.id, 'wa_message_id', m.wa_message_id, 'kind', m.kind, 'body', m.body, 'tap', m.tap,
                'reply_to', m.reply_to, 'sent_at', m.sent_at, 'seq', m.seq);
        end loop;
        if first_seq is null then -- all of it was withdrawn meanwhile
            update banksman.turns set status = 'done', finished_at = clock_timestamp(), error_type = 'withdrawn'
             where id = c.turn_id and user_id = c.user_id;
            update banksman.conversations
               set due_at = null, lease_until = null, turn_id = null, claims = 0, failures = 0
             where user_id = c.user_id;
            return jsonb_build_object('next_s', 0);
        end if;
        insert into banksman.turns (id, user_id, session_id) values (c.turn_id, c.user_id, s.id)
        on conflict (id) do update set session_id = excluded.session_id;
        select * into u from banksman.users where id = c.user_id;
        return jsonb_build_object(
            'turn_id', c.turn_id, 'lease_token', c.lease_token, 'claims', c.claims, 'failures', c.failures,
            'introduced', c.introduced, 'window_from', c.window_from, 'messages', burst,
            'user', jsonb_build_object('id', u.id, 'wa_id', u.wa_id, 'bsuid', u.bsuid, 'name', u.name,
                                       'language', u.language, 'time_zone', u.time_zone, 'status', u.status),
            'session', jsonb_build_object('id', s.id, 'status', s.status, 'context', s.context),
            'handoff', (select jsonb_build_object('id', h.id, 'status', h.status, 'acknowledged', h.acknowledged)
                          from banksman.handoffs h where h.user_id = u.id and h.status <> 'released'),
            'handles', coalesce((select jsonb_agg(jsonb_build_array(h.handle, h.kind, h.target_id))
                          from banksman.session_handles h where h.session_id = s.id and h.user_id = u.id), '[]'),
            'history', coalesce((select jsonb_agg(jsonb_build_array(x.direction, left(x.body, 600)) order by x.seq) from (
                          select direction, body, seq from banksman.messages
                           where session_id = s.id and user_id = u.id and seq < first_seq and body is not null
                           order by seq desc limit p_history) x), '[]'));
    exception when others then
        -- One person's row that cannot be read must not stop everybody's queue. What passes by itself is tried anew.
        get stacked diagnostics code = returned_sqlstate;
        if left(code, 2) in ('08', '40', '53', '55', '57') then
            raise;
        end if;
        raise warning 'a conversation cannot be begun: % (%)', sqlerrm, code;
        update banksman.conversations
           set lease_until = null, due_at = now() + make_interval(secs => 2 ^ least(claims, 8))
         where user_id = c.user_id;
        return jsonb_build_object('next_s', 0);
    end;
end
$$;
comment on function banksman.claim_turn(interval, interval, time, integer, integer) is
    'Leases the conversation that is due longest and reads what its turn needs; {"next_s": seconds or null} where none is due.';

create or replace function banksman.renew_turn(p_user uuid, p_token bigint, p_lease interval) returns boolean
language plpgsql set search_path = '' as $$
begin
    update banksman.conversations set lease_until = now() + p_lease, due_at = now() + p_lease
     where user_id = p_user and lease_token = p_token and lease_until is not null;
    return found;
end
$$;
comment on function banksman.renew_turn(uuid, bigint, interval) is 'Prolongs a turn''s lease; false for a worker that lost it.';

create or replace function banksman.next_send(p_user uuid, p_lease interval) returns jsonb
language plpgsql set search_path = '' as $$
declare
    m record;
    u banksman.users;
    clock double precision := coalesce((select seconds from banksman.listening_clock), 0);
    wake timestamptz;
    again timestamptz;
    token bigint;
begin
    for m in select * from banksman.messages
              where user_id = p_user and direction = 'out' and status in ('queued', 'sending') order by seq loop
        if m.status = 'sending' then
            -- Sent, and the answer was lost: its status webhook settles it, or 60 seconds of listening without one.
            if clock - m.sending_clock < 60 then
                again := now() + make_interval(secs => greatest(least(60 - (clock - m.sending_clock), 60), 1));
                wake := least(wake, again);
                exit when m.unknown_tries < 1; -- the first time the others wait behind it
                continue;
            elsif m.unknown_tries >= 1 then
                update banksman.messages set status = 'failed' where id = m.id and user_id = p_user;
                continue;
            end if;
            update banksman.messages set unknown_tries = unknown_tries + 1 where id = m.id and user_id = p_user;
        elsif m.next_try_at > now() then
            wake := least(wake, m.next_try_at);
            again := m.first_try_at + interval '60 seconds';
            continue when again <= now(); -- stuck: holds the others no longer
            wake := least(wake, again);
            exit;
        elsif m.kind <> 'template' and exists (
                select from banksman.conversations where user_id = p_user and window_from < now() - interval '24 hours') then
            update banksman.messages set status = 'expired' where id = m.id and user_id = p_user;
            continue;
        end if;
        update banksman.messages
           set status = 'sending', tries = tries + 1, sending_clock = clock, first_try_at = coalesce(first_try_at, now()),
               wa_message_id = null
         where id = m.id and user_id = p_user;
        update banksman.conversations
           set send_lease_until = now() + p_lease, send_due_at = now() + p_lease, send_lease_token = send_lease_token + 1
         where user_id = p_user returning send_lease_token into token;
        select * into u from banksman.users where id = p_user;
        return jsonb_build_object('id', m.id, 'user_id', p_user, 'turn_id', m.turn_id, 'wa_id', u.wa_id, 'bsuid', u.bsuid, 'lease_token', token,
                                  'content', m.payload, 'tries', m.tries + 1);
    end loop;
    update banksman.conversations set send_lease_until = null, send_due_at = wake where user_id = p_user;
    return case when wake is null then null
           else jsonb_build_object('next_s', greatest(0, extract(epoch from wake - now()))) end;
end
$$;
comment on function banksman.next_send(uuid, interval) is
    'Commits the person''s next send as sending and gives it, with a fresh lease; else when to look again. The conversation must be locked.';

create or replace function banksman.finish_turn(p jsonb, p_pause interval, p_send_lease interval) returns jsonb
language plpgsql set search_path = '' as $$
declare
    me uuid := banksman.user_id();
    c banksman.conversations;
    the_turn uuid := (p ->> 'turn_id')::uuid;
    the_session uuid := (p ->> 'session_id')::uuid;
    taken boolean;
    next_due timestamptz;
    send jsonb;
begin
    select * into c from banksman.conversations where user_id = me for update;
    if not found or c.lease_token <> (p ->> 'lease_token')::bigint or c.turn_id is distinct from the_turn then
        return jsonb_build_object('fenced', true);
    end if;
    -- A human took over meanwhile: what the assistant would have said is dropped.
    taken := exists (select from banksman.handoffs where user_id = me and status = 'taken');

    insert into banksman.intent_classifications (user_id, session_id, message_id, intent, confidence, method, model, duration_ms)
    select me, the_session, x.message_id, x.intent, x.confidence, x.method, x.model, x.duration_ms
      from jsonb_to_recordset(p -> 'classifications') as x (
           message_id uuid, intent text, confidence real, method text, model text, duration_ms integer)
    on conflict (message_id) do nothing;

    insert into banksman.tool_calls (turn_id, call_number, user_id, name, input, outcome, duration_ms)
    select the_turn, x.call_number, me, x.name, x.input, x.outcome, x.duration_ms
      from jsonb_to_recordset(p -> 'tool_calls') as x (call_number integer, name text, input jsonb, outcome text, duration_ms integer)
    on conflict (turn_id, call_number) do nothing;

    insert into banksman.session_handles (session_id, handle, user_id, kind, target_id)
    select the_session, x.handle, me, x.kind, x.target_id
      from jsonb_to_recordset(p -> 'handles') as x (handle text, kind text, target_id uuid)
    on conflict do nothing;

    if p ->> 'handoff_reason' is not null then
        insert into banksman.handoffs (user_id, session_id, turn_id, reason) values (me, the_session, the_turn, p ->> 'handoff_reason')
        on conflict do nothing;
        update banksman.conversation_sessions set status = 'escalated' where id = the_session and user_id = me and status = 'active';
    end if;
    if (p ->> 'release_handoff')::boolean then
        update banksman.handoffs set status = 'released', released_at = now() where user_id = me and status = 'waiting';
        update banksman.conversation_sessions set status = 'active' where id = the_session and user_id = me and status = 'escalated'
           and not exists (select from banksman.handoffs where user_id = me and status <> 'released');
    end if;
    if (p ->> 'acknowledge_handoff')::boolean then
        update banksman.handoffs set acknowledged = true where user_id = me and status = 'waiting';
    end if;

    update banksman.messages
       set awaits_answer = false, turn_id = the_turn
     where user_id = me and awaits_answer and id in (select jsonb_array_elements_text(p -> 'answered')::uuid);
    if not taken then
        insert into banksman.messages (user_id, session_id, turn_id, direction, kind, body, payload, status)
        select me, the_session, the_turn, 'out', r.kind, r.body, r.content, 'queued'
          from jsonb_to_recordset(p -> 'replies') as r (n integer, kind text, body text, content jsonb) order by r.n;
    end if;
    update banksman.conversation_sessions set context = context || coalesce(p -> 'context', '{}')
     where id = the_session and user_id = me;

    update banksman.turns
       set status = p ->> 'status', session_id = the_session, finished_at = clock_timestamp(),
           duration_ms = 1000 * extract(epoch from clock_timestamp() - started_at),
           input_tokens = (p ->> 'input_tokens')::integer, output_tokens = (p ->> 'output_tokens')::integer,
           cache_read_tokens = (p ->> 'cache_read_tokens')::integer,
           error_type = p ->> 'error_type', trace_id = p ->> 'trace_id', variant = p ->> 'variant'
     where id = the_turn and user_id = me;

    -- What came meanwhile is due now, or after the pause if it is still being typed.
    select case when count(*) = 0 then null
                when bool_or(m.tap is not null) or count(*) > 20 then now()
                else greatest(now(), max(m.created_at) + p_pause) end
      into next_due
      from (select tap, created_at from banksman.messages where user_id = me and awaits_answer order by seq limit 50) m;
    update banksman.conversations
       set turn_id = null, claims = 0, failures = 0, lease_until = null, due_at = next_due,
           waiting_since = case when next_due is null then null else now() end,
           introduced = introduced or coalesce((p ->> 'introduced')::boolean, false)
     where user_id = me;
    if next_due is not null then
        perform pg_notify('banksman_work', 'turn ' || greatest(0, ceil(1000 * extract(epoch from next_due - now())))::integer);
    end if;
    if c.send_lease_until is null or c.send_lease_until <= now() then -- else its holder goes on with these
        send := banksman.next_send(me, p_send_lease);
    end if;
    return jsonb_build_object('fenced', false, 'dropped', taken, 'send', send);
end
$$;
comment on function banksman.finish_turn(jsonb, interval, interval) is
    'Ends a turn in one transaction: replies, outbox, classifications, figures. Changes nothing for a worker that lost its lease.';

create or replace function banksman.fail_turn(p_user uuid, p_token bigint, p_error text, p_delay interval) returns boolean
language plpgsql set search_path = '' as $$
declare
    the_turn uuid;
begin
    update banksman.conversations
       set failures = failures + 1, lease_until = null, due_at = now() + p_delay
     where user_id = p_user and lease_token = p_token and lease_until is not null returning turn_id into the_turn;
    if not found then
        return false;
    end if;
    update banksman.turns set error_type = p_error where id = the_turn and user_id = p_user;
    perform pg_notify('banksman_work', 'turn ' || ceil(1000 * extract(epoch from p_delay))::integer);
    return true;
end
$$;
comment on function banksman.fail_turn(uuid, bigint, text, interval) is 'Gives a turn that failed back to the queue, to be tried again after the delay.';

-- Sends ------------------------------------------------------------------------------------------

create or replace function banksman.claim_send(p_lease interval) returns jsonb
language plpgsql set search_path = '' as $$
declare
    who uuid;
    send jsonb;
begin
    select user_id into who from banksman.conversations where send_due_at <= now() order by send_due_at limit 1 for update skip locked;
    if not found then
        return jsonb_build_object('next_s', (select extract(epoch from min(send_due_at) - clock_timestamp()) from banksman.conversations));
    end if;
    perform set_config('role', 'banksman_user', true),
            set_config('request.jwt.claims', json_build_object('sub', who)::text, true);
    send := banksman.next_send(who, p_lease);
    -- Nothing of theirs can go now; somebody else may be due.
    return case when send ? 'id' then send else jsonb_build_object('next_s', 0) end;
end
$$;
comment on function banksman.claim_send(interval) is 'Leases the sends of the person whose next one is due longest; {"next_s": …} where none is.';

create or replace function banksman.renew_send(p_user uuid, p_token bigint, p_lease interval) returns boolean
language plpgsql set search_path = '' as $$
begin
    update banksman.conversations set send_lease_until = now() + p_lease, send_due_at = now() + p_lease
     where user_id = p_user and send_lease_token = p_token and send_lease_until is not null;
    return found;
end
$$;
comment on function banksman.renew_send(uuid, bigint, interval) is 'Prolongs the lease on a person''s sends; false for a worker that lost it.';

create or replace function banksman.settle_send(
    p_message uuid, p_token bigint, p_outcome text, p_wa_message_id text, p_error integer, p_retry interval, p_lease interval)
returns jsonb language plpgsql set search_path = '' as $$
declare
    me uuid := banksman.user_id();
    c banksman.conversations;
begin
    select * into c from banksman.conversations where user_id = me for update;
    if p_outcome = 'accepted' then -- true whoever holds the lease by now, but a `failed` of this very try counts more
        update banksman.messages
           set status = case when status in ('sending', 'queued') then 'accepted' else status end,
               wa_message_id = case when status = 'queued' then p_wa_message_id else coalesce(wa_message_id, p_wa_message_id) end,
               error_code = case when status in ('failed', 'expired') then error_code end
         where id = p_message and user_id = me and direction = 'out'
           and not (status = 'queued' and wa_message_id is not distinct from p_wa_message_id);
    end if;
    if c.send_lease_token <> p_token then
        if c.send_lease_until is null or c.send_lease_until <= now() then -- what waited behind it may go
            update banksman.conversations set send_due_at = now() where user_id = me;
            perform pg_notify('banksman_work', 'send 0');
        end if;
        return null;
    end if;
    -- held: the number was closed to all sends, which is no try of this message.
    update banksman.messages
       set status = case when p_outcome in ('retry', 'held') then 'queued' else p_outcome end,
           tries = case p_outcome when 'held' then greatest(tries - 1, 0) else tries end,
           first_try_at = case p_outcome when 'held' then null else first_try_at end,
           error_code = p_error, next_try_at = now() + p_retry
     where p_outcome in ('retry', 'held', 'failed', 'expired')
       and id = p_message and user_id = me and direction = 'out' and status = 'sending';
    return banksman.next_send(me, p_lease);
end
$$;
comment on function banksman.settle_send(uuid, bigint, text, text, integer, interval, interval) is
    'Writes down how a send went (accepted, retry, held, failed, expired, unknown) and gives the next one, as next_send does.';

-- Rights -----------------------------------------------------------------------------------------

do $$
declare
    t text;
    own constant text[] := array[ -- tables whose rows belong to the person named in user_id
        'conversation_sessions', 'turns', 'messages', 'conversations', 'intent_classifications', 'tool_calls',
        'session_handles', 'handoffs'];
begin
    for t in select tablename from pg_tables where schemaname = 'banksman' loop
        execute format('alter table banksman.%I enable row level security', t);
        execute format('alter table banksman.%I force row level security', t);
        execute format('revoke all on banksman.%I from public, banksman_user, banksman_staff, banksman_system', t);
        execute format('grant select, insert, update on banksman.%I to banksman_system', t);
        execute format('drop policy if exists for_system on banksman.%I', t);
        execute format('create policy for_system on banksman.%I to banksman_system using (true) with check (true)', t);
        execute format('grant select on banksman.%I to banksman_staff', t);
        execute format('drop policy if exists for_staff on banksman.%I', t);
        execute format('create policy for_staff on banksman.%I for select to banksman_staff using (true)', t);
        execute format('drop policy if exists for_user on banksman.%I', t);
        if t = any (own) then
            execute format('create policy for_user on banksman.%I to banksman_user using (user_id = (select banksman.user_id())) with check (user_id = (select banksman.user_id()))', t);
            execute format('grant select on banksman.%I to banksman_user', t);
        end if;
    end loop;
end
$$;

create policy for_user on banksman.users to banksman_user
    using (id = (select banksman.user_id())) with check (id = (select banksman.user_id()));
create policy for_user on banksman.project_members for select to banksman_user
    using (user_id = (select banksman.user_id()) and ended_at is null);
create policy for_user on banksman.projects for select to banksman_user
    using (id in (select m.project_id from banksman.project_members m
                   where m.user_id = (select banksman.user_id()) and m.ended_at is null));
create policy for_user on banksman.tasks for select to banksman_user
    using (project_id in (select m.project_id from banksman.project_members m
                           where m.user_id = (select banksman.user_id()) and m.ended_at is null));
create policy for_user on banksman.task_assignees for select to banksman_user
    using (user_id = (select banksman.user_id()) and task_id in (select id from banksman.tasks));
create policy for_user on banksman.documents for select to banksman_user
    using (project_id in (select m.project_id from banksman.project_members m
                           where m.user_id = (select banksman.user_id()) and m.ended_at is null));
create policy for_user on banksman.media for select to banksman_user
    using (user_id = (select banksman.user_id()) or id in (select d.media_id from banksman.documents d));
create policy for_user on banksman.listening_clock for select to banksman_user
    using (exists (select from banksman.users u where u.id = (select banksman.user_id())));

grant select on banksman.users, banksman.project_members, banksman.projects, banksman.tasks, banksman.task_assignees,
    banksman.documents, banksman.media, banksman.listening_clock to banksman_user;
grant update (language, time_zone, updated_at) on banksman.users to banksman_user;
grant insert (user_id, started_at, last_message_at),
      update (status, last_message_at, ended_at, end_reason, message_count, context) on banksman.conversation_sessions to banksman_user;
grant insert (id, user_id, session_id),
      update (session_id, status, finished_at, duration_ms, input_tokens, output_tokens, cache_read_tokens, error_type,
              trace_id, variant) on banksman.turns to banksman_user;
grant insert (user_id, session_id, turn_id, direction, kind, body, payload, status),
      update (session_id, turn_id, status, awaits_answer, wa_message_id, tries, unknown_tries, first_try_at, next_try_at,
              sending_clock, error_code) on banksman.messages to banksman_user;
grant update (due_at, waiting_since, lease_until, turn_id, claims, failures, introduced, send_due_at, send_lease_until,
              send_lease_token) on banksman.conversations to banksman_user;
grant insert on banksman.intent_classifications, banksman.tool_calls, banksman.session_handles to banksman_user;
grant insert (user_id, session_id, turn_id, reason), update (status, acknowledged, released_at) on banksman.handoffs to banksman_user;

-- Nothing to anybody else, whatever default privileges have given away (Supabase's do, to anon and others).
do $$
declare
    f regprocedure;
    item record;
    ours constant text := '^banksman_(?!app$)'; -- roles that nobody signs in as
begin
    for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'banksman'::regnamespace loop
        execute format('revoke all on function %s from public, banksman_user, banksman_staff, banksman_system', f);
    end loop;
    for item in
        select distinct 'schema banksman' as object, g.rolname as stranger
          from pg_namespace n, aclexplode(n.nspacl) a join pg_roles g on g.oid = a.grantee
         where n.oid = 'banksman'::regnamespace and a.grantee <> n.nspowner and g.rolname !~ ours
        union
        select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass, g.rolname
          from pg_class c, aclexplode(c.relacl) a join pg_roles g on g.oid = a.grantee
         where c.relnamespace = 'banksman'::regnamespace and a.grantee <> c.relowner
           and (g.rolname !~ ours or c.relkind = 'S')
        union
        select 'function ' || p.oid::regprocedure, g.rolname
          from pg_proc p, aclexplode(p.proacl) a join pg_roles g on g.oid = a.grantee
         where p.pronamespace = 'banksman'::regnamespace and a.grantee <> p.proowner and g.rolname !~ ours
    loop
        execute format('revoke all on %s from %I', item.object, item.stranger);
    end loop;
end
$$;

grant execute on all functions in schema banksman to banksman_system;
grant execute on function banksman.user_id() to banksman_user, banksman_staff;
grant execute on function banksman.count_message(), banksman.status_rank(text),
    banksman.session_continues(timestamptz, timestamptz, text, interval, time),
    banksman.touch_session(uuid, timestamptz, interval, time),
    banksman.renew_turn(uuid, bigint, interval), banksman.fail_turn(uuid, bigint, text, interval),
    banksman.finish_turn(jsonb, interval, interval), banksman.next_send(uuid, interval),
    banksman.renew_send(uuid, bigint, interval),
    banksman.settle_send(uuid, bigint, text, text, integer, interval, interval) to banksman_user;

-- This is version 1 of the schema. Raise it here and in banksman/database/migration.py together.
set local role banksman_system;
insert into banksman.schema_versions (version) values (1) on conflict do nothing;

commit;
