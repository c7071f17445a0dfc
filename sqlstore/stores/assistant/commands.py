"""Commands of the assistant store, and models' answers to them."""

from __future__ import annotations

from uuid import UUID

from sqlstore.capabilities.outbox import replayable
from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.engine.clock import now
from sqlstore.engine.identifiers import uuid7
from sqlstore.stores.assistant.repositories import Details
from sqlstore.stores.assistant.rows import Answer, Command, CommandAnswer, StoredAnswer, StoredCommand


class CommandRepository(SearchableRepository[StoredCommand]):
    """Commands, in the order they came."""

    table = "commands"
    searchable = Searchable(
        "commands",
        StoredCommand,
        text=lambda command: command.prompt,
        moment=lambda command: command.created_at,
        key=lambda command: command.seq,
        scopes={"session_id": "s"},
    )

    @replayable("session_id", "command_id", made={"command_id": uuid7}, repeatable=True)
    async def create(
        self,
        session_id: UUID,
        prompt: str,
        metadata: Details | None = None,
        language: str = "en",
        *,
        command_id: UUID | None = None,
    ) -> Command:
        """Add a command. Raises ForeignKeyViolation if there is no such session."""
        command = await self._one(
            Command,
            self._q.create,
            command_id or uuid7(),
            session_id,
            prompt,
            language,
            metadata or {},
            now(),
        )
        assert command is not None  # noqa: S101 - an upsert gives its row
        return command

    async def get(self, command_id: UUID) -> Command | None:
        """One command, or None."""
        return await self._one(Command, self._q.get, command_id)

    async def latest(self, session_id: UUID, limit: int = 50) -> list[Command]:
        """The newest commands of a session, oldest first."""
        return await self._many(Command, self._q.latest, session_id, limit)

    async def search(
        self,
        words: str,
        *,
        session_id: UUID | None = None,
        limit: int = 20,
        before: int | None = None,
        order: Order = "relevance",
    ) -> SearchResult[StoredCommand]:
        """Find commands by the words of their prompts; see docs/search.md for what words mean.

        - session_id: only in one session; None means in all.
        - limit: at most 200. before: only commands with a smaller `seq`.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(words, limit=limit, before=before, order=order, session_id=session_id)

    async def by_language(self, language: str, limit: int = 50) -> list[Command]:
        """The newest commands in one language, newest first."""
        return await self._many(Command, self._q.by_language, language, limit)

    async def with_answers(self, session_id: UUID) -> list[CommandAnswer]:
        """Every command of a session, oldest first, once for each of its answers or with none."""
        return await self._many(CommandAnswer, self._q.with_answers, session_id)


class AnswerRepository(SearchableRepository[StoredAnswer]):
    """Answers of language models."""

    table = "llm_answers"
    searchable = Searchable(
        "llm_answers",
        StoredAnswer,
        text=lambda answer: answer.response,
        moment=lambda answer: answer.created_at,
        key=lambda answer: answer.seq,
        scopes={"session_id": "s"},
    )

    @replayable("command_id", made={"answer_id": uuid7}, repeatable=True)
    async def create(
        self,
        command_id: UUID,
        prompt: str,
        response: str,
        model_info: Details | None = None,
        performance_metrics: Details | None = None,
        *,
        answer_id: UUID | None = None,
    ) -> Answer:
        """Add an answer. Raises ForeignKeyViolation if there is no such command."""
        answer = await self._one(
            Answer,
            self._q.create,
            answer_id or uuid7(),
            command_id,
            prompt,
            response,
            model_info or {},
            performance_metrics or {},
            now(),
        )
        assert answer is not None  # noqa: S101 - an upsert gives its row
        return answer

    async def get(self, answer_id: UUID) -> Answer | None:
        """One answer, or None."""
        return await self._one(Answer, self._q.get, answer_id)

    async def search(
        self,
        words: str,
        *,
        session_id: UUID | None = None,
        limit: int = 20,
        before: int | None = None,
        order: Order = "relevance",
    ) -> SearchResult[StoredAnswer]:
        """Find answers by the words of their responses; see docs/search.md for what words mean.

        - session_id: only to commands of one session; None means of all.
        - limit: at most 200. before: only answers with a smaller `seq`.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(words, limit=limit, before=before, order=order, session_id=session_id)

    async def of_command(self, command_id: UUID) -> list[Answer]:
        """The answers to one command, oldest first."""
        return await self._many(Answer, self._q.of_command, command_id)
