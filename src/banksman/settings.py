"""Settings: every knob of the service, read from the environment and `.env`.

The names and defaults are those of `.env.example`. A wrong value stops the start with one message
that names every wrong or missing setting, what is wrong with it, and an example.
"""

from __future__ import annotations

import re
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

GRAPH_URL = "https://graph.facebook.com/v26.0"

EXAMPLES = {
    "DATABASE_URL": "postgresql://banksman_app:secret@db.example.org:5432/postgres",
    "DATABASE_ADMIN_URL": "postgresql://postgres:secret@db.example.org:5432/postgres",
    "PUBLIC_URL": "https://banksman.example.org",
    "PORT": "8000",
    "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
    "WHATSAPP_ACCESS_TOKEN": "EAAG…",
    "WHATSAPP_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "WHATSAPP_VERIFY_TOKEN": "any words of your own",
    "WHATSAPP_API_URL": GRAPH_URL,
    "WORKDAY_START": "06:00",
    "WORKDAY_END": "20:00",
    "OFFICE_TIME_ZONE": "Europe/Paris",
    "OFFICE_DAYS": "mon-fri",
    "OFFICE_HOURS": "07:00-18:00",
    "BANKSMAN_ENV": "production",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
}


class SettingsError(Exception):
    """Settings are wrong or missing. The message names all of them, a line each."""


class Environment(StrEnum):
    """Where the service runs; `production` requires the credentials."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone") from error
    return name


def _postgres_url(url: SecretStr) -> SecretStr:
    if not re.match(r"postgres(ql)?://", url.get_secret_value()):
        raise ValueError("must begin with postgresql://")
    return url


def _http_url(url: str) -> str:
    if not re.match(r"https?://[^/\s]+", url):
        raise ValueError("must begin with https:// (or http://) and name a host")
    return url.rstrip("/")


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


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


Optional_ = BeforeValidator(_blank_is_none)
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]
HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseSettings):
    """All settings. Field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    banksman_env: Environment = Environment.PRODUCTION

    database_url: Annotated[PostgresUrl | None, Optional_] = None
    database_admin_url: Annotated[PostgresUrl | None, Optional_] = None
    banksman_data_dir: Path | None = None

    public_url: Annotated[HttpUrl | None, Optional_] = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000

    whatsapp_phone_number_id: Annotated[Digits | None, Optional_] = None
    whatsapp_access_token: Annotated[SecretStr | None, Optional_] = None
    whatsapp_app_secret: Annotated[SecretStr | None, Optional_] = None
    whatsapp_verify_token: Annotated[SecretStr | None, Optional_] = None
    whatsapp_api_url: Annotated[HttpUrl | None, Optional_] = None

    anthropic_api_key: Annotated[SecretStr | None, Optional_] = None
    anthropic_base_url: Annotated[HttpUrl | None, Optional_] = None
    claude_intent_model: str = "claude-haiku-5-5"
    claude_agent_model: str = "claude-sonnet-5-5"

    supabase_url: Annotated[HttpUrl | None, Optional_] = None
    supabase_secret_key: Annotated[SecretStr | None, Optional_] = None
    ops_password: Annotated[SecretStr | None, Optional_] = None

    langsmith_api_key: Annotated[SecretStr | None, Optional_] = None
    langsmith_project: str = "banksman"
    langsmith_endpoint: Annotated[HttpUrl | None, Optional_] = None
    langsmith_tracing: bool = False

    transcription_url: Annotated[HttpUrl | None, Optional_] = None
    transcription_api_key: Annotated[SecretStr | None, Optional_] = None

    session_timeout_hours: Annotated[float, Field(gt=0, le=168)] = 7
    workday_start: time = time(6)
    workday_end: time = time(20)
    office_time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    office_days: Annotated[frozenset[int], NoDecode, BeforeValidator(_days)] = frozenset(range(5))
    office_hours: Annotated[tuple[time, time], NoDecode, BeforeValidator(_hours)] = (time(7), time(18))

    user_messages_per_minute: Annotated[int, Field(ge=1)] = 20
    user_messages_per_day: Annotated[int, Field(ge=1)] = 300
    user_tokens_per_day: Annotated[int, Field(ge=0)] = 200_000
    tokens_per_day: Annotated[int, Field(ge=0)] = 5_000_000

    template_reply: Annotated[str | None, Optional_] = None
    template_handoff: Annotated[str | None, Optional_] = None
    ops_notify_url: Annotated[HttpUrl | None, Optional_] = None
    retention_days: Annotated[int, Field(ge=1)] = 365
    handoff_hours: Annotated[float, Field(gt=0)] = 24

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Annotated[Literal["console", "json"] | None, Optional_] = None

    @property
    def development(self) -> bool:
        """Whether this is a developer's machine."""
        return self.banksman_env is Environment.DEVELOPMENT

    @property
    def graph_url(self) -> str:
        """Base address of the Graph API, version included."""
        return self.whatsapp_api_url or GRAPH_URL

    def secret(self, name: str) -> str:
        """The secret setting `name` (a field's name) as text; raises SettingsError where it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingsError(f"{name.upper()} is not set; {_example(name.upper())}")
        return str(value.get_secret_value())


# What the service cannot do without in production, the contract's starred settings.
REQUIRED = (
    "database_url",
    "whatsapp_phone_number_id",
    "whatsapp_access_token",
    "whatsapp_app_secret",
    "whatsapp_verify_token",
)


def load(*, require: tuple[str, ...] = (), **overrides: Any) -> Settings:
    """Settings from the environment and `.env`; `overrides` (fields) win over both.

    Raises SettingsError with one message that names every setting that is wrong, and every one of
    `require` that is missing.
    """
    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            name = str(item["loc"][0]).upper() if item["loc"] else "settings"
            problems.append(f"{name}: {item['msg'].removeprefix('Value error, ')}; {_example(name)}")
    if settings is not None:
        problems += [
            f"{name.upper()} is not set; {_example(name.upper())}"
            for name in require
            if getattr(settings, name) is None
        ]
    if problems or settings is None:
        raise SettingsError("\n".join(dict.fromkeys(problems)))
    return settings


def _example(name: str) -> str:
    example = EXAMPLES.get(name)
    return f"for example {name}={example}" if example else "see .env.example"
