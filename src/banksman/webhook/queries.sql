-- Queries of the front door, all as banksman_system.

-- name: store_delivery
select banksman.store_delivery(
    %(batch)s::jsonb, make_interval(secs => %(pause)s), make_interval(secs => %(max_pause)s)) as receipts

-- name: keep_reject
insert into banksman.webhook_rejects (body, problem) values (%(body)s, %(problem)s)

-- name: tick_listening_clock
select banksman.tick_listening_clock()
