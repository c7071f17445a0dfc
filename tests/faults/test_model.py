"""The same operations on a dict, on SQLite and on PostgreSQL: the same answers, the same contents.

Hypothesis makes up the operations and shortens what fails.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sqlstore.capabilities.search.faq import FAQ_THRESHOLD, faq_scores, faq_terms
from sqlstore.capabilities.search.holding import may_hold
from sqlstore.capabilities.search.segment import segment
from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import InvalidValue, StoreError
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.history import compare
from sqlstore.stores.chatbot.store import platform_of

from .amount import amount, show
from .cluster import Cluster

EXAMPLES = amount(quick=25, full=1_000)
SESSIONS = ["web_1", "fb_2", "line_3", "ไม่มี_4"]
sessions = st.sampled_from(SESSIONS)
words = st.sampled_from(["a", "b", "c", "สวัสดี", "it's", "", "x\ny"]) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8
)
roles = st.sampled_from(["user", "model", "system"])
names = st.none() | st.sampled_from(["Ann", "Бен", ""])


@dataclass
class User:
    platform: str
    name: str | None = None
    bot_enabled: bool = True
    summary: str | None = None
    messages: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Faq:
    answer: str
    hits: int = 1


class Model:
    """What the chatbot store is to do, on two dicts."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.faqs: dict[str, Faq] = {}

    def meant(self, question: str) -> Faq | None:
        """The stored question that is likest to one in other words; of equals the first that was learned."""
        terms = faq_terms(question)
        stored = [text for text in self.faqs if terms and may_hold(terms, segment(text))]
        scores = faq_scores(question, stored, len(self.faqs))
        best = max(scores, default=0.0)
        return self.faqs[stored[scores.index(best)]] if best >= FAQ_THRESHOLD else None

    def user(self, session_id: str, platform: str | None = None, name: str | None = None) -> User:
        user = self.users.setdefault(session_id, User(platform or platform_of(session_id)))
        user.name = user.name if name is None else name
        return user


class ChatbotMachine(RuleBasedStateMachine):
    """Each rule does one thing three times and compares."""

    bots: list[Chatbot]
    operations = 0
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    @initialize()
    def start_empty(self) -> None:
        self.model = Model()
        for bot in self.bots:
            for table in ("audit_logs", "faqs", "users"):
                statement: Statement[int] = Statement(
                    name=f"empty {table}", source="", sql=f"DELETE FROM {table}", kind="changed", columns=None,
                    encode=lambda: (), result=lambda rows, changed: changed,
                )  # fmt: skip
                self.run(bot.driver.call(statement))

    def same(self, call: Callable[[Chatbot], Coroutine[Any, Any, Any]], wanted: object) -> None:
        type(self).operations += 1
        for bot in self.bots:
            assert self.run(call(bot)) == wanted, bot.driver.engine

    @rule(session=sessions, platform=st.sampled_from(["web", "facebook", "telegram"]), name=names)
    def get_or_create_user(self, session: str, platform: str, name: str | None) -> None:
        user = self.model.user(session, platform, name)

        async def call(bot: Chatbot) -> tuple[Any, ...]:
            found = await bot.get_or_create_user(session, platform, name)
            return found.session_id, found.platform, found.name, found.bot_enabled

        self.same(call, (session, user.platform, user.name, user.bot_enabled))

    @rule(session=sessions, role=roles, content=words)
    def append_message(self, session: str, role: str, content: str) -> None:
        self.model.user(session).messages.append((role, content))

        async def call(bot: Chatbot) -> tuple[str, str]:
            message = await bot.append_message(session, role, content)
            return message.role, message.content

        self.same(call, (role, content))

    @rule(session=sessions, items=st.lists(st.tuples(roles, words), max_size=5), window=st.integers(0, 12))
    def save_history(self, session: str, items: list[tuple[str, str]], window: int) -> None:
        """The list is made up, or goes on from the last `window` messages."""
        known = self.model.users.get(session)
        history = ((known.messages[-window:] if window else []) if known else []) + items
        if history:
            user = self.model.user(session)
            change = compare(user.messages, history)
            user.messages[change.keep :] = history[change.start :]
        given = [{"role": role, "parts": [{"text": text}]} for role, text in history]
        self.same(lambda bot: bot.save_history(session, given), True)

    @rule(session=sessions, limit=st.none() | st.integers(1, 5), context=st.none() | words)
    def get_or_create_history(self, session: str, limit: int | None, context: str | None) -> None:
        messages = self.model.user(session).messages
        wanted = messages if limit is None else messages[-limit:]
        if not wanted and context is not None:
            wanted = [("system", context)]
        self.same(
            lambda bot: bot.get_or_create_history(session, context, limit=limit),
            [{"role": role, "parts": [{"text": text}]} for role, text in wanted],
        )

    @rule(session=sessions, enabled=st.booleans())
    def set_bot_enabled(self, session: str, enabled: bool) -> None:
        self.model.user(session).bot_enabled = enabled
        self.same(lambda bot: bot.set_bot_enabled(session, enabled), True)

    @rule(session=sessions)
    def get_bot_enabled(self, session: str) -> None:
        user = self.model.users.get(session)
        self.same(lambda bot: bot.get_bot_enabled(session), user.bot_enabled if user else True)

    @rule(session=sessions)
    def clear_history(self, session: str) -> None:
        user = self.model.users.get(session)
        if user is not None:
            user.messages, user.summary = [], None
        self.same(lambda bot: bot.clear_history(session), user is not None)

    @rule(question=words, answer=words)
    def learn(self, question: str, answer: str) -> None:
        faq = self.model.faqs.setdefault(question, Faq(answer))
        faq.answer = answer

        async def call(bot: Chatbot) -> str:
            return (await bot.faqs.learn(question, answer)).answer

        self.same(call, answer)

    @rule(question=words)
    def answer(self, question: str) -> None:
        faq = self.model.faqs.get(question) or self.model.meant(question)
        if faq is not None:
            faq.hits += 1

        async def call(bot: Chatbot) -> tuple[str, int] | None:
            found = await bot.faqs.answer(question)
            return None if found is None else (found.answer, found.hit_count)

        self.same(call, None if faq is None else (faq.answer, faq.hits))

    @rule(
        session=sessions, items=st.lists(st.tuples(roles, words), min_size=1, max_size=4), fails=st.booleans()
    )
    def transaction(self, session: str, items: list[tuple[str, str]], fails: bool) -> None:
        if not fails:
            self.model.user(session).messages += items

        async def call(bot: Chatbot) -> None:
            try:
                async with bot.transaction() as tx:
                    for role, text in items:
                        await tx.append_message(session, role, text)
                    if fails:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                return

        self.same(call, None)

    @rule(
        session=sessions,
        text=st.sampled_from(["nul\0", "\ud800", 5, None]),
        role=st.sampled_from(["user", "bad role"]),
    )
    def refused(self, session: str, text: object, role: str) -> None:
        for bot in self.bots:
            with pytest.raises((InvalidValue, StoreError)):
                self.run(bot.append_message(session, role, text))
            with pytest.raises((InvalidValue, StoreError)):
                self.run(bot.save_history(session, [{"role": role, "parts": [{"text": text}]}]))

    @invariant()
    def the_counts_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        wanted = {
            "total_users": len(self.model.users),
            "total_messages": sum(len(user.messages) for user in self.model.users.values()),
            "total_faqs": len(self.model.faqs),
        }
        for bot in self.bots:
            found = self.run(bot.get_database_stats())
            assert {key: found[key] for key in wanted} == wanted, bot.driver.engine
            for session, user in self.model.users.items():
                counted = self.run(bot.sessions.get(session))
                assert (counted.message_count if counted else 0) == len(user.messages)


@pytest.fixture
def machine(sqlite_url: str, quick_server: Cluster) -> Iterator[type[ChatbotMachine]]:
    quick_server.sql("CREATE SCHEMA model")
    urls = sqlite_url, f"{quick_server.url}?schema=model&sslmode=disable", "sqlite://:memory:"
    with asyncio.Runner() as runner:

        async def open_both() -> list[Chatbot]:
            return [await Chatbot.open(url, synchronous="normal") for url in urls]

        bots = runner.run(open_both())
        yield type("Machine", (ChatbotMachine,), {"bots": bots, "run": staticmethod(runner.run)})
        for bot in bots:
            runner.run(bot.close())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_dict_and_the_databases_agree(machine: type[ChatbotMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            print_blob=True,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    show(f"{machine.operations} operations on a dict, SQLite and PostgreSQL: no difference")
