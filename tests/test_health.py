"""What a load balancer, Prometheus and WhatsApp's fetcher ask for: health, metrics, signed files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from itsdangerous import URLSafeTimedSerializer
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.running import ANA, CREW, SECRET, World, world

from banksman.whatsapp import media
from banksman.whatsapp.media import Links
from banksman.whatsapp.replies import MediaRef

PNG = b"\x89PNG\r\n\x1a\nplan"
PLAN = [{"project": "mill", "kind": "plan", "title": "Level 2", "file": "level2.png"}]


async def ready(here: World) -> tuple[int, Any]:
    answer = await here.http.get(f"{here.url}/health/ready")
    return answer.status_code, answer.json()


async def test_a_service_in_order_is_live_and_ready(here: World) -> None:
    assert (await here.http.get(f"{here.url}/health/live")).status_code == 200
    status, said = await ready(here)
    assert (status, said) == (200, {"status": "ok"})


async def test_without_the_schema_of_this_version_it_is_not_ready_and_says_why(here: World) -> None:
    with psycopg.connect(here.owner_url, autocommit=True) as connection:
        connection.execute("insert into banksman.schema_versions (version) values (999)")
    status, said = await ready(here)
    assert status == 503
    assert isinstance(said, list)
    assert "999" in str(said)
    assert (await here.http.get(f"{here.url}/health/live")).status_code == 200


async def test_without_its_database_it_is_live_and_not_ready(here: World) -> None:
    with psycopg.connect(make_conninfo(here.owner_url, dbname="postgres"), autocommit=True) as connection:
        name = conninfo_to_dict(here.owner_url)["dbname"]
        connection.execute(f'alter database "{name}" with allow_connections false'.encode())
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            status, said = await ready(here)
            assert status == 503
            assert "database" in str(said)
            assert "postgresql://" not in str(said)
            assert (await here.http.get(f"{here.url}/health/live")).status_code == 200
        finally:
            connection.execute(f'alter database "{name}" with allow_connections true'.encode())


async def test_with_a_loop_that_has_died_it_is_not_ready(here: World) -> None:
    assert here.service
    here.service.loops[0].alive = False
    status, said = await ready(here)
    assert status == 503
    assert "the turn loop does not run" in str(said)


async def test_a_turn_that_nobody_works_makes_it_not_ready(here: World) -> None:
    assert here.service
    for loop in here.service.loops:
        loop.stop()
    await here.write(ANA, "hello")
    await here.rows("update banksman.conversations set due_at = now() - interval '10 minutes' returning 1")
    status, said = await ready(here)
    assert status == 503
    assert "queue" in str(said)


async def test_metrics_are_prometheus_text_and_name_no_person(here: World) -> None:
    await here.ask(ANA, "my tasks")
    answer = await here.http.get(f"{here.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["banksman_webhooks"].samples[0].value >= 1
    ours = [sample for name, family in families.items() if name.startswith("banksman") for sample in family.samples]
    assert {label for sample in ours for label in sample.labels} <= {"status", "outcome", "kind", "le"}
    people = [user[key] for user in CREW["users"] for key in ("wa_id", "name", "ref")]
    ids = [str(row["id"]) for row in await here.rows("select id from banksman.users")]
    assert not [word for word in people + ids if any(word == value for s in ours for value in s.labels.values())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "level2.png").write_bytes(PNG)
    return tmp_path


async def test_a_signed_address_gives_the_file_and_no_other_address_does(
    urls: tuple[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(urls, folder, crew={**CREW, "documents": PLAN}) as here:
        (row,) = await here.rows("select id from banksman.media")

        async def get(signed: str) -> Any:
            return await here.http.get(f"{here.url}/media/{signed}")

        def signed(secret: str = SECRET, media_id: Any = row["id"]) -> str:
            ref = MediaRef(media_id=media_id, mime_type="image/png", file_name="a.png")
            found = Links(secret=secret, base_url="").link(ref)
            assert found
            return found.removeprefix("/media/")

        good = await get(signed())
        assert (good.status_code, good.content, good.headers["content-type"]) == (200, PNG, "image/png")
        assert good.headers["x-content-type-options"] == "nosniff"
        other_salt = URLSafeTimedSerializer(SECRET, salt="banksman.ops").dumps(row["id"].hex)
        text = signed()
        bad = [signed("another"), signed(media_id=uuid4()), other_salt, row["id"].hex, str(row["id"]), "x", text[:-1],
               text[1:], text.upper(), "%00"]  # fmt: skip
        for address in bad:
            answer = await get(address)
            assert answer.status_code == 404, address
            assert answer.text == "There is no such file, or its address has ended.\n", address
        monkeypatch.setattr(media, "ADDRESS_S", -1)
        assert (await get(text)).status_code == 404
        monkeypatch.undo()
        for path in ("/media", "/media/", f"/media/{text}/x", "/media/..%2F..%2Flevel2.png", "/files/level2.png"):
            assert (await here.http.get(f"{here.url}{path}")).status_code == 404
        assert (await here.http.post(f"{here.url}/media/{text}")).status_code == 405
        later = time.time() + media.ADDRESS_S + 10
        monkeypatch.setattr(time, "time", lambda: later)
        assert Links(secret=SECRET, base_url="").read(text) is None
