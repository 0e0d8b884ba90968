"""Settings: read from the environment and `.env`, and named with problem and example where they are wrong."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commands import OURS

from banksman.settings import EXAMPLES, REQUIRED, Environment, Settings, SettingsError, load

STARRED = {"database_url": "postgresql://banksman_app:pw@h/d", "whatsapp_phone_number_id": "1",
           "whatsapp_access_token": "t", "whatsapp_app_secret": "s", "whatsapp_verify_token": "v"}  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No setting of this machine, and a current folder without a `.env`."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problem(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


def test_without_any_setting_the_defaults_hold() -> None:
    settings = load()
    assert settings.banksman_env is Environment.PRODUCTION
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.office_hours == (time(7), time(18))
    assert settings.office_days == frozenset(range(5))
    assert settings.graph_url == "https://graph.facebook.com/v26.0"


def test_every_setting_has_an_example_and_a_line_in_the_example_file() -> None:
    assert set(EXAMPLES) == OURS
    file = (Path(__file__).parents[1] / ".env.example").read_text()
    assert set(re.findall(r"^#([A-Z_]+)=", file, re.MULTILINE)) == OURS


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_a_good_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, EXAMPLES[name])
    assert name.lower() in load().model_fields_set


def test_the_env_file_of_the_current_folder_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    (bare / ".env").write_text(
        "PORT=\"8123\"\nHOST= 0.0.0.0 \nWHATSAPP_ACCESS_TOKEN=\nNOT_OURS=1\nOPS_PASSWORD='a b'\n"
    )
    monkeypatch.setenv("HOST", "::1")
    settings = load()
    assert (settings.port, settings.host, settings.whatsapp_access_token) == (8123, "::1", None)
    assert settings.secret("ops_password") == "a b"


def test_an_env_file_that_cannot_be_read_is_one_line(bare: Path) -> None:
    (bare / ".env").write_bytes(b"PORT=\xff\n")
    with pytest.raises(SettingsError, match=r"^the file \.env cannot be read: .*$"):
        load()


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_value_is_none(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    for name in OURS:
        monkeypatch.setenv(name, blank)
    assert load() == Settings()


def test_spaces_and_line_ends_around_a_value_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSAPP_ACCESS_TOKEN", " token\n")
    monkeypatch.setenv("PORT", " 8080 ")
    settings = load()
    assert (settings.secret("whatsapp_access_token"), settings.port) == ("token", 8080)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "valid integer"),
        ("PORT", "0", "greater than or equal to 1"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("WORKDAY_START", "6", "a time like 06:00"),
        ("WORKDAY_END", "24:30", "time"),
        ("OFFICE_HOURS", "9 to 5", "two times like 07:00-18:00"),
        ("OFFICE_DAYS", "monday", "days like mon-fri"),
        ("OFFICE_TIME_ZONE", "Mars/Base", "no time zone"),
        ("OFFICE_TIME_ZONE", "/etc/passwd", "no time zone"),
        ("SESSION_TIMEOUT_HOURS", "-1", "greater than 0"),
        ("SESSION_TIMEOUT_HOURS", "nan", "finite number"),
        ("HANDOFF_HOURS", "inf", "finite number"),
        ("PUBLIC_URL", "banksman.example.org", "https://"),
        ("DATABASE_URL", "mysql://u:p@h/d", "postgresql://"),
        ("LOG_LEVEL", "loud", "'INFO'"),
        ("LOG_FORMAT", "xml", "'json'"),
        ("BANKSMAN_ENV", "staging", "'production'"),
        ("LANGSMITH_TRACING", "perhaps", "boolean"),
        ("WHATSAPP_PHONE_NUMBER_ID", "+33 6", "pattern"),
    ],
)
def test_a_wrong_value_is_named_with_its_problem_and_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    message = problem(monkeypatch, **{name: value})
    assert message.count("\n") == 0
    assert message.startswith(f"{name}: ")
    assert said in message
    assert message.endswith(f"; for example {name}={EXAMPLES[name]}")


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = problem(monkeypatch, PORT="x", LOG_LEVEL="x", OFFICE_DAYS="x")
    assert {line.partition(":")[0] for line in message.splitlines()} == {"PORT", "LOG_LEVEL", "OFFICE_DAYS"}


@given(st.sampled_from(sorted(EXAMPLES)), st.sampled_from(["{}", "x{}", "postgresql://u:{}@h:p/d", "http://{} {}"]))
def test_no_value_is_repeated_in_an_error(name: str, shape: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(name, shape.format("hush%zz", "hush b"))
        try:
            settings = load()
        except SettingsError as error:
            if name != "OFFICE_TIME_ZONE":
                assert "hush" not in str(error)  # noqa: PT017 - most values are taken
        else:
            if "URL" in name or "KEY" in name or "SECRET" in name or "TOKEN" in name:
                assert name.endswith("_URL") or "hush" not in repr(settings)


def test_production_requires_the_starred_settings_and_development_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(STARRED) == set(REQUIRED)
    with pytest.raises(SettingsError) as caught:
        load(starred=True)
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [name.upper() for name in REQUIRED]
    monkeypatch.setenv("BANKSMAN_ENV", "development")
    assert load(starred=True).development
    monkeypatch.delenv("BANKSMAN_ENV")
    for name, value in STARRED.items():
        monkeypatch.setenv(name, value)
    assert load(starred=True).secret("whatsapp_app_secret") == "s"


def test_a_wrong_environment_does_not_make_other_settings_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANKSMAN_ENV", "develop")
    with pytest.raises(SettingsError, match=r"^BANKSMAN_ENV: [^\n]*$"):
        load(starred=True)


def test_secrets_are_not_shown() -> None:
    settings = load(**STARRED, supabase_secret_key="hush", ops_password="hush", anthropic_api_key="hush")
    assert "hush" not in f"{settings!r} {settings}"
    assert "pw" not in repr(settings.database_url)


@pytest.mark.parametrize(
    ("written", "days"),
    [("mon-fri", {0, 1, 2, 3, 4}), ("sat-mon", {5, 6, 0}), ("Mon, WED,sat", {0, 2, 5}),
     ("sun", {6}), ("mon-sun", set(range(7)))],
)  # fmt: skip
def test_days_are_ranges_and_lists(monkeypatch: pytest.MonkeyPatch, written: str, days: set[int]) -> None:
    monkeypatch.setenv("OFFICE_DAYS", written)
    assert load().office_days == days
