-- Queries of the outbox and of media. Sends run as banksman_user after their claim.

-- name: claim_send
-- As banksman_system; the function drops to the person's rights after its claim.
select banksman.claim_send(make_interval(secs => %(lease)s))

-- name: renew_send
select banksman.renew_send(%(user_id)s::uuid, %(token)s, make_interval(secs => %(lease)s))

-- name: settle_send
-- For the person of the claims, %(user_id)s.
select banksman.settle_send(
    %(message_id)s::uuid, %(token)s, %(outcome)s, %(wa_message_id)s, %(error)s,
    make_interval(secs => %(retry)s), make_interval(secs => %(lease)s))

-- name: stored_file
-- As banksman_system: whoever holds a signed address may read the file that it names, and no other.
select sha256, mime_type from banksman.media where id = %(media_id)s
