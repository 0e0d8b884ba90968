"""What makes a laptop enough: the embedded database, made-up credentials, the demo crew."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import psycopg
import structlog
from pydantic import SecretStr

from banksman.database import embedded, migration
from banksman.database.migration import MigrationError
from banksman.services import import_file
from banksman.settings import Settings, SettingsError
from banksman.whatsapp.media import MediaStore

log = structlog.get_logger(__name__)

DEMO_FILE = Path(__file__).parents[2] / "demo" / "crew.json"
SIMULATED_NUMBER = "100000000000001"
MADE_UP = ("whatsapp_access_token", "whatsapp_app_secret", "whatsapp_verify_token", "ops_password")


def media_store(settings: Settings) -> MediaStore:
    """Where files are kept."""
    return MediaStore(folder=embedded.data_dir(settings.banksman_data_dir) / "media")


def with_database(settings: Settings) -> Settings:
    """The settings with both addresses of the database; where none is given, the embedded server's.

    The embedded server is started, and brought to this version, where that is needed.
    """
    if settings.database_url or settings.database_admin_url:
        return settings
    server = embedded.start(embedded.data_dir(settings.banksman_data_dir))
    owner = server.url("postgres")
    with connect(owner, "BANKSMAN_DATA_DIR") as connection:
        migration.migrate(connection)
    return settings.model_copy(
        update={"database_admin_url": SecretStr(owner), "database_url": SecretStr(server.url("banksman_app"))}
    )


def with_simulator(settings: Settings) -> Settings:
    """The settings with whatever WhatsApp's would be missing: the simulator's, made up once for this folder."""
    made_up = _made_up(embedded.data_dir(settings.banksman_data_dir) / "development.json")
    here = settings.local_url
    update: dict[str, object] = {name: SecretStr(made_up[name]) for name in MADE_UP if getattr(settings, name) is None}
    if settings.whatsapp_phone_number_id is None:
        update["whatsapp_phone_number_id"] = SIMULATED_NUMBER
    if settings.whatsapp_api_url is None:
        update["whatsapp_api_url"] = f"{here}/simulator/graph/v26.0"
    if settings.public_url is None:
        update["public_url"] = here
    return settings.model_copy(update=update)


def connect(url: str, setting: str) -> psycopg.Connection:
    """A connection in autocommit mode; raises MigrationError, which names `setting`, where there is none."""
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise MigrationError(f"the database cannot be reached: {reason}; check {setting}") from error


def require_schema(settings: Settings) -> None:
    """Raises MigrationError unless the service's database is reachable and of this version."""
    with connect(settings.secret("database_url"), "DATABASE_URL") as connection:
        migration.state(connection).check()


def admin_url(settings: Settings) -> str:
    """The owner's address; raises SettingsError where it is not known."""
    if settings.database_admin_url is None:
        raise SettingsError(
            "DATABASE_ADMIN_URL is not set; for example "
            "DATABASE_ADMIN_URL=postgresql://postgres:secret@db.example.org:5432/postgres"
        )
    return settings.database_admin_url.get_secret_value()


def load_file(settings: Settings, path: Path) -> import_file.Loaded:
    """Loads an import file with its documents."""
    found = import_file.read(path)
    with connect(admin_url(settings), "DATABASE_ADMIN_URL") as connection:
        migration.state(connection).check()
        return import_file.load(connection, found, folder=path.parent, store=media_store(settings).put)


def load_demo(settings: Settings) -> import_file.Loaded | None:
    """Loads the demo crew into a database without people; None where there are some, or no demo."""
    if settings.database_admin_url is None or not DEMO_FILE.is_file():
        return None
    with connect(admin_url(settings), "DATABASE_ADMIN_URL") as connection:
        migration.state(connection).check()
        with connection.transaction():
            connection.execute("select set_config('role', 'banksman_system', true)")
            row = connection.execute(import_file.QUERIES["anybody"]).fetchone()
    return None if row and row[0] else load_file(settings, DEMO_FILE)


def _made_up(path: Path) -> dict[str, str]:
    """Credentials of this folder, made up the first time and readable by their owner alone."""
    known: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    missing: Sequence[str] = [name for name in MADE_UP if name not in known]
    if missing:
        known |= {name: secrets.token_urlsafe(24) for name in missing}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(known, file)
        partial.replace(path)
    return known
