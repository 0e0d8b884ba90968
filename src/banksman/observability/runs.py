"""Runs: the steps of a trace in memory, and the form in which LangSmith takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from uuid import UUID

from langsmith import uuid7

from banksman.observability.masking import Data, Mask

RunType: TypeAlias = Literal["chain", "llm", "tool"]
Facts: TypeAlias = Mapping[str, object]

VERBATIM = (
    "thread_id",
    "ls_provider",
    "ls_model_name",
)  # not masked: a pseudonym, and names of models


@dataclass(kw_only=True)
class Run:
    """One step of a trace, filled while it runs. Holds what it is given, unmasked."""

    name: str
    run_type: RunType
    inputs: Facts
    parent: Run | None = None
    id: UUID = field(default_factory=uuid7)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    result: Facts = field(default_factory=dict)
    tokens: dict[str, object] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    error: str | None = None  # one word, never text from outside

    @property
    def root(self) -> Run:
        """The run that the whole trace is named after."""
        return self.parent.root if self.parent else self

    @property
    def dotted_order(self) -> str:
        """LangSmith's sort key of a run: start and id of it and all above it."""
        own = f"{self.started:%Y%m%dT%H%M%S%fZ}{self.id}"
        return f"{self.parent.dotted_order}.{own}" if self.parent else own

    def outputs(self, outputs: Facts) -> None:
        """What came out of it."""
        self.result = outputs

    def usage(self, *, input_tokens: int, output_tokens: int, cache_read_tokens: int) -> None:
        """Tokens of a model call; `input_tokens` is all input, cached or not."""
        self.tokens = {
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
            "input_token_details": {"cache_read": cache_read_tokens},
        }

    def fail(self, reason: str) -> None:
        """It failed; `reason` is one word, never text from outside."""
        self.error = reason


def masked(runs: Iterable[Run], people: Iterable[str], *, project: str) -> list[dict[str, object]]:
    """`runs` as POST /runs/multipart takes them, with nothing in them that identifies a person.

    Source: LangSmith's API reference, "Ingest runs (multipart)". The usage metadata is what costs come from.
    """
    mask = Mask(people)
    return [_masked(run, mask, project) for run in runs]


def _masked(run: Run, mask: Mask, project: str) -> dict[str, object]:
    outputs = mask.data(run.result)
    assert isinstance(outputs, dict)
    metadata: dict[str, Data | dict[str, object]] = {
        key: value if key in VERBATIM else mask.text(value) for key, value in run.metadata.items()
    }
    if run.tokens:
        metadata["usage_metadata"] = run.tokens
    return {
        "id": str(run.id),
        "trace_id": str(run.root.id),
        "parent_run_id": str(run.parent.id) if run.parent else None,
        "dotted_order": run.dotted_order,
        "session_name": project,
        "name": mask.text(run.name),
        "run_type": run.run_type,
        "start_time": run.started,
        "end_time": run.ended or datetime.now(UTC),
        "inputs": mask.data(run.inputs),
        "outputs": {**outputs, "usage_metadata": run.tokens} if run.tokens else outputs,
        "error": mask.text(run.error) if run.error else None,
        "extra": {"metadata": metadata},
    }
