"""LangGraph's configs: which thread, namespace and checkpoint they name."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig


def check_ids(ids: Sequence[str], parameter: str) -> None:
    """Raise TypeError for one id in place of a list: a string is a sequence too, of other threads' names."""
    if isinstance(ids, str):
        raise TypeError(f"{parameter} must be a list of ids, not one as str")


def place_of(config: RunnableConfig) -> tuple[str, str]:
    """Thread and namespace."""
    given = config["configurable"]
    return str(given["thread_id"]), given.get("checkpoint_ns") or ""


def config_of(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> RunnableConfig:
    """What names a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }
