"""Settings: every knob of the service, read from the environment and `.env`.

The names and defaults are those of `.env.example`. A wrong value stops the start with one message
that names every wrong or missing setting, what is wrong with it, and an example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

GRAPH_URL = "https://graph.facebook.com/v26.0"

EXAMPLES = {
    "BANKSMAN_ENV": "production",
    "DATABASE_URL": "postgresql://banksman_app:secret@db.example.org:5432/postgres",
    "DATABASE_ADMIN_URL": "postgresql://postgres:secret@db.example.org:5432/postgres",
    "BANKSMAN_DATA_DIR": ".banksman",
    "PUBLIC_URL": "https://banksman.example.org",
    "HOST": "127.0.0.1",
    "PORT": "8000",
    "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
    "WHATSAPP_ACCESS_TOKEN": "EAAG…",
    "WHATSAPP_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "WHATSAPP_VERIFY_TOKEN": "any words of your own",
    "WHATSAPP_API_URL": GRAPH_URL,
    "ANTHROPIC_API_KEY": "sk-ant-…",
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com",
    "CLAUDE_INTENT_MODEL": "claude-haiku-5-5",
    "CLAUDE_AGENT_MODEL": "claude-sonnet-5-5",
    "SUPABASE_URL": "https://abcdefghijklmnop.supabase.co",
    "SUPABASE_SECRET_KEY": "sb_secret_…",
    "OPS_PASSWORD": "any words of your own",
    "LANGSMITH_API_KEY": "lsv2_…",
    "LANGSMITH_PROJECT": "banksman",
    "LANGSMITH_ENDPOINT": "https://api.smith.langchain.com",
    "LANGSMITH_TRACING": "true",
    "TRANSCRIPTION_URL": "https://api.example.org/v1/audio/transcriptions",
    "TRANSCRIPTION_API_KEY": "sk-…",
    "SESSION_TIMEOUT_HOURS": "7",
    "WORKDAY_START": "06:00",
    "WORKDAY_END": "20:00",
    "OFFICE_TIME_ZONE": "Europe/Paris",
    "OFFICE_DAYS": "mon-fri",
    "OFFICE_HOURS": "07:00-18:00",
    "USER_MESSAGES_PER_MINUTE": "20",
    "USER_MESSAGES_PER_DAY": "300",
    "USER_TOKENS_PER_DAY": "200000",
    "TOKENS_PER_DAY": "5000000",
    "TEMPLATE_REPLY": "reply_waiting",
    "TEMPLATE_HANDOFF": "office_message",
    "OPS_NOTIFY_URL": "https://hooks.example.org/banksman",
    "RETENTION_DAYS": "365",
    "HANDOFF_HOURS": "24",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
}


class SettingsError(Exception):
    """Settings are wrong or missing. The message names all of them, a line each."""


class Environment(StrEnum):
    """Where the service runs; `production` requires the credentials."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


def is_time_zone(name: str) -> bool:
    """Whether `name` is a time zone here and in Postgres alike."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return name not in ("localtime", "posixrules")  # files of this machine, and no zones of Postgres


def _zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError(f"{name!r} is no time zone")
    return name


def _postgres_url(url: SecretStr) -> SecretStr:
    if not re.match(r"postgres(ql)?://", url.get_secret_value()):
        raise ValueError("must begin with postgresql://")
    try:
        parts = conninfo_to_dict(url.get_secret_value())
    except psycopg.ProgrammingError:  # its message quotes the password
        parts = {}
    ports = str(parts.get("port", "5432")).split(",")
    if not parts or not all(port.isdigit() and 0 < int(port) < 65536 for port in ports):
        raise ValueError("is no address of a Postgres database (write special characters of a password as %40 for @)")
    return url


def _http_url(url: str) -> str:
    if not re.match(r"https?://[^/\s]+", url):
        raise ValueError("must begin with https:// (or http://) and name a host")
    return url.rstrip("/")


def _clock(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{1,2}:\d{2}", value):
        raise ValueError("must be a time like 06:00")
    return value.zfill(5) if isinstance(value, str) else value


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _days(value: object) -> object:
    """`mon-fri,sun` becomes the numbers of the days, Monday 0."""
    if not isinstance(value, str):
        return value
    chosen: set[int] = set()
    for part in value.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError("must be days like mon-fri or mon,wed,sat")
        start, end = DAYS.index(first), DAYS.index(last or first)
        chosen |= {day % 7 for day in range(start, (end if end >= start else end + 7) + 1)}
    return frozenset(chosen)


def _hours(value: object) -> object:
    """`07:00-18:00` becomes a pair of times."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})\s*", value)
    if not match:
        raise ValueError("must be two times like 07:00-18:00")
    return match.group(1).zfill(5), match.group(2).zfill(5)


Clock = Annotated[time, BeforeValidator(_clock)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]
HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseSettings):
    """All settings. Field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    banksman_env: Environment = Environment.PRODUCTION

    database_url: PostgresUrl | None = None
    database_admin_url: PostgresUrl | None = None
    banksman_data_dir: Path | None = None

    public_url: HttpUrl | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    whatsapp_phone_number_id: Digits | None = None
    whatsapp_access_token: SecretStr | None = None
    whatsapp_app_secret: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None
    whatsapp_api_url: HttpUrl | None = None

    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: HttpUrl | None = None
    claude_intent_model: str = "claude-haiku-5-5"
    claude_agent_model: str = "claude-sonnet-5-5"

    supabase_url: HttpUrl | None = None
    supabase_secret_key: SecretStr | None = None
    ops_password: SecretStr | None = None

    langsmith_api_key: SecretStr | None = None
    langsmith_project: str = "banksman"
    langsmith_endpoint: HttpUrl | None = None
    langsmith_tracing: bool = False

    transcription_url: HttpUrl | None = None
    transcription_api_key: SecretStr | None = None

    session_timeout_hours: Annotated[float, Field(gt=0, le=168, allow_inf_nan=False)] = 7
    workday_start: Clock = time(6)
    workday_end: Clock = time(20)
    office_time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    office_days: Annotated[frozenset[int], NoDecode, BeforeValidator(_days)] = frozenset(range(5))
    office_hours: Annotated[tuple[time, time], NoDecode, BeforeValidator(_hours)] = (time(7), time(18))

    user_messages_per_minute: Annotated[int, Field(ge=1)] = 20
    user_messages_per_day: Annotated[int, Field(ge=1)] = 300
    user_tokens_per_day: Annotated[int, Field(ge=0)] = 200_000
    tokens_per_day: Annotated[int, Field(ge=0)] = 5_000_000

    template_reply: str | None = None
    template_handoff: str | None = None
    ops_notify_url: HttpUrl | None = None
    retention_days: Annotated[int, Field(ge=1)] = 365
    handoff_hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] = 24

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _strip(cls, given: object) -> object:
        """A blank value is none; spaces and line ends around a value are no part of it."""
        if not isinstance(given, Mapping):
            return given
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    @property
    def development(self) -> bool:
        """Whether this is a developer's machine."""
        return self.banksman_env is Environment.DEVELOPMENT

    @property
    def local_url(self) -> str:
        """The address under which this machine reaches the service."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104  # read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def graph_url(self) -> str:
        """Base address of the Graph API, version included."""
        return self.whatsapp_api_url or GRAPH_URL

    def secret(self, name: str) -> str:
        """The secret setting `name` (a field's name) as text; raises SettingsError where it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingsError(f"{name.upper()} is not set; {_example(name)}")
        return str(value.get_secret_value())


# What the service cannot do without in production, the contract's starred settings.
REQUIRED = (
    "database_url",
    "whatsapp_phone_number_id",
    "whatsapp_access_token",
    "whatsapp_app_secret",
    "whatsapp_verify_token",
)


def load(*, starred: bool = False, **overrides: Any) -> Settings:
    """Settings from the environment and `.env`; `overrides` (fields) win over both.

    Raises SettingsError with one message that names every setting that is wrong, and with `starred`
    every one of `REQUIRED` that is missing, unless this is development.
    """
    wrong: dict[str, str] = {}  # what is wrong, by field
    try:
        try:
            settings = Settings(**overrides)
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False):
                wrong.setdefault(str(item["loc"][0]), item["msg"].removeprefix("Value error, "))
            settings = Settings(**(overrides | {name: Settings.model_fields[name].default for name in wrong}))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the file .env cannot be read: {getattr(error, 'strerror', None) or error}") from error
    problems = [f"{name.upper()}: {said}; {_example(name)}" for name, said in wrong.items()]
    if starred and not settings.development and "banksman_env" not in wrong:
        missing = [name for name in REQUIRED if getattr(settings, name) is None and name not in wrong]
        problems += [f"{name.upper()} is not set; {_example(name)}" for name in missing]
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _example(field: str) -> str:
    return f"for example {field.upper()}={EXAMPLES[field.upper()]}"
