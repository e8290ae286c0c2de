"""Rasa's agent with what this bot changes in it, each change for a reason, each pinned to the code it replaces.

- An action that fails ends the turn. Rasa logs the error and goes on as if the action had run, which would leave a
  payment form in a state that never was.
- So does a turn without an answer. Rasa stores it and answers with an empty list.
- A store that fails ends the turn. Rasa answers from memory and forgets.
- The answer of an action is checked against a schema that is prepared once. Rasa prepares the constant schema again
  for each answer: 82 % of a turn.
- The class of a stored event is looked up in a table. Rasa walks all subclasses of all events, for each event of the
  conversation, each turn.
- The graph of components is walked directly. Rasa has Dask plan it anew each time, to run it in this very thread.
- The connection to the action server stays open between calls, and a call has a deadline of its own (Rasa: a new
  connection each time, 300 s).
- A long session is rolled over to a new one with the same slots, form and last words, because each turn replays the
  whole session several times.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib
import inspect
import logging
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import rasa
import rasa.engine.runner.dask
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import Action, ActionExecutionRejection, RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import ClientResponseError, EndpointConfig, concat_url

from bot.errors import NoAnswer, RasaDiffers, TurnFailed

logger = logging.getLogger(__name__)

RASA_VERSION = "3.6.21"

# The functions of Rasa that are replaced or leaned upon below, with the first 16 digits of the SHA-256 of their
# source.
PINNED = {
    "rasa.core.actions.action:RemoteAction._validate_action_result": "f8cdb4be68123961",
    "rasa.core.actions.action:RemoteAction.run": "ccabf6f1160d527a",
    "rasa.core.agent:Agent.__init__": "ccaa168ffee74e4e",
    "rasa.core.agent:Agent.load_model": "f4c1ab4c5c7af634",
    "rasa.core.processor:MessageProcessor._run_action": "6d383d0179ef1187",
    "rasa.core.processor:MessageProcessor._run_prediction_loop": "cb30a0cbb690c571",
    "rasa.core.processor:MessageProcessor._update_tracker_session": "b0d44217b5ca28ba",
    "rasa.core.processor:MessageProcessor.handle_message": "0c41d4780d2d4676",
    "rasa.engine.runner.dask:DaskGraphRunner.run": "45f0f52f574f3aa9",
    "rasa.shared.core.events:Event.resolve_by_type": "b5cf570fa7f286c7",
    "rasa.utils.endpoints:EndpointConfig.request": "ccdb778aed8208e2",
}

# A turn is 4 to 12 events. Sessions beyond this are rolled over at the next turn, so turn 300 costs what turn 10
# does.
SESSION_EVENTS = 80
# What a new session repeats of the old one, so that "say that again" still works.
CARRIED_UTTERANCES = 3


def check_rasa(pinned: dict[str, str] = PINNED) -> None:
    """Raises RasaDiffers unless the installed Rasa is, to the letter, the one that the changes were written for."""
    if rasa.__version__ != RASA_VERSION:
        raise RasaDiffers(f"Rasa {rasa.__version__} is installed; bot/engine.py is written for {RASA_VERSION}.")
    for name, expected in pinned.items():
        found = source_digest(name)
        if found != expected:
            raise RasaDiffers(f"{name} differs from Rasa {RASA_VERSION} ({found} instead of {expected}): review it.")


def source_digest(name: str) -> str:
    """The digest of one function, named as `module:Class.function`."""
    module, _, path = name.partition(":")
    target: Any = importlib.import_module(module)
    for part in path.split("."):
        target = getattr(target, part)
    return hashlib.sha256(inspect.getsource(target).encode()).hexdigest()[:16]


def validate_answers_quickly() -> None:
    """Same schema, same errors as Rasa's own check, prepared once instead of once per answer."""
    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)

    def _validate_action_result(_: RemoteAction, result: dict[str, Any]) -> bool:
        error = best_match(validator.iter_errors(result))
        if error is not None:
            raise error
        return True

    RemoteAction._validate_action_result = _validate_action_result


def run_graphs_directly() -> None:
    """Same nodes, same needs, same results as with Dask's synchronous scheduler, without its planning."""

    def get(graph: dict[str, tuple[Any, ...]], targets: list[str]) -> list[Any]:
        results: dict[str, Any] = {}

        def result(name: str) -> Any:
            if name not in results:
                task = graph[name]  # (component, names of what it needs …), or an input: (name, value)
                results[name] = task[0](*map(result, task[1:])) if callable(task[0]) else task
            return results[name]

        return [result(target) for target in targets]

    rasa.engine.runner.dask.dask = SimpleNamespace(get=get)


def resolve_events_quickly() -> None:
    """Same answers as Rasa's own search, remembered."""
    Event.resolve_by_type = staticmethod(functools.lru_cache(maxsize=None)(Event.resolve_by_type))


class ActionEndpoint(EndpointConfig):
    """The action server over connections that stay open.

    An idle connection is given up after `IDLE_S`, before the server closes it (5 s): a request is never sent into a
    closing connection, and none is ever sent twice, because an action may have moved money by the time its answer is
    lost.
    """

    IDLE_S = 4.0

    def __init__(self, *, timeout_s: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, config: EndpointConfig, timeout_s: float) -> ActionEndpoint:
        return cls(
            url=config.url,
            params=config.params,
            headers=config.headers,
            basic_auth=config.basic_auth,
            token=config.token,
            token_name=config.token_name,
            timeout_s=timeout_s,
            **config.kwargs,
        )

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Sends one request, once.

        Raises:
            ClientResponseError: the server refused (400: the action rejected itself) or failed.
            aiohttp.ClientError: it could not be reached or did not answer in time.
        """
        headers = {"Content-Type": content_type, **self.headers} if content_type else dict(self.headers)
        headers.update(kwargs.pop("headers", {}))
        kwargs.pop("timeout", None)  # Rasa hands down its constant of 300 s
        parameters = self.combine_parameters(kwargs)
        try:
            async with self._open_session().request(
                method,
                concat_url(self.url, subpath),
                headers=headers,
                params=parameters,
                compress=compress,
                timeout=self._timeout,
                **kwargs,
            ) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise ClientResponseError(response.status, response.reason, await response.content.read())
                return await response.json()
        except asyncio.TimeoutError as error:
            raise aiohttp.ServerTimeoutError(str(error)) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            auth = aiohttp.BasicAuth(**self.basic_auth) if self.basic_auth else None
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=self.IDLE_S)
            self._session = aiohttp.ClientSession(auth=auth, connector=connector)
        return self._session


class TurnProcessor(MessageProcessor):
    """Rasa's processor; failures end the turn and sessions stay short."""

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        """As Rasa's, except that an error is not swallowed, and that no code is kept for actions which speak for the
        customer.
        """
        try:
            # The action works on a copy, because its rejection takes the policy's events back.
            temporary_tracker = tracker.copy()
            temporary_tracker.update_with_events(prediction.events, self.domain)
            events = await action.run(output_channel, nlg, temporary_tracker, self.domain)
        except ActionExecutionRejection:
            tracker.update(ActionExecutionRejected(action.name(), prediction.policy_name, prediction.max_confidence))
            return self.should_predict_another_action(action.name())
        except Exception as error:
            logger.exception("Action %s did not finish.", action.name())
            raise TurnFailed(action.name()) from error
        self._log_action_on_tracker(tracker, action, events, prediction)
        await self.execute_side_effects(events, tracker, output_channel)
        return self.should_predict_another_action(action.name())

    async def _run_prediction_loop(self, output_channel: OutputChannel, tracker: DialogueStateTracker) -> None:
        """A turn that says nothing, or that runs in circles, has not happened: it is not stored, so nobody is stuck
        in it.
        """
        await super()._run_prediction_loop(output_channel, tracker)
        if not getattr(output_channel, "messages", None):
            raise NoAnswer("no rule and no action had an answer")

    async def _update_tracker_session(
        self, tracker: DialogueStateTracker, output_channel: OutputChannel, metadata: dict[str, Any] | None = None
    ) -> None:
        await super()._update_tracker_session(tracker, output_channel, metadata)
        if len(tracker.events) > SESSION_EVENTS:
            roll_over(tracker, self.domain)


def _stop_running_in_circles(*_: Any) -> None:
    """Rasa calls this at the tenth action of one turn, and would then store the turn."""
    raise NoAnswer("ten actions in one turn")


def roll_over(tracker: DialogueStateTracker, domain: Domain) -> None:
    """Opens a new session in the same conversation: same slots, same open form, the bot's last words; nothing is
    said.
    """
    carried: list[Event] = [
        SlotSet(name, slot.value) for name, slot in tracker.slots.items() if slot.value != slot.initial_value
    ]
    if tracker.active_loop_name:
        carried.append(ActiveLoop(tracker.active_loop_name))
    carried += _last_words(tracker)
    tracker.update_with_events(
        [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted(), *carried, ActionExecuted(ACTION_LISTEN_NAME)],
        domain,
    )


def _last_words(tracker: DialogueStateTracker) -> list[BotUttered]:
    words: list[BotUttered] = []
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered) and words:
            break
        if isinstance(event, BotUttered):
            words.append(BotUttered(event.text, event.data, event.metadata))
    return words[:CARRIED_UTTERANCES][::-1]


class TurnAgent(Agent):
    """Rasa's agent with our processor, and without the wrapper that answers from memory when the database is gone."""

    @staticmethod
    def _create_tracker_store(store: TrackerStore | None, domain: Domain) -> TrackerStore:
        if store is None:
            raise ValueError("the bot needs a tracker store")
        store.domain = domain
        return store

    def load_model(self, model_path: str | Path, fingerprint: str | None = None) -> None:
        self.processor = TurnProcessor(
            model_path=model_path,
            tracker_store=self.tracker_store,
            lock_store=self.lock_store,
            action_endpoint=self.action_endpoint,
            generator=self.nlg,
            http_interpreter=self.http_interpreter,
            on_circuit_break=_stop_running_in_circles,
        )
        self.domain = self.processor.domain
        self._set_fingerprint(fingerprint)
        self.tracker_store.domain = self.domain
