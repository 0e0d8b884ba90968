-- Queries about people for the command line, as banksman_system.

-- name: person_to_speak_as
-- Whom `say` speaks as: the one with that external ref, else with that number; without a ref the first one.
select wa_id, name, status from banksman.users
 where wa_id is not null
   and (%(ref)s::text is null or external_ref = %(ref)s::text or wa_id = %(wa_id)s::text)
 order by external_ref is not distinct from %(ref)s::text desc, external_ref is null, created_at, external_ref, id
 limit 1
