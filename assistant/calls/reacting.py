"""What a caller's keys and words lead to: an answer of the desk itself, or a turn of the dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from assistant.amounts import Exact, read_amount
from assistant.buttons import issue_buttons
from assistant.calls.compose import AT_ONCE, Option, back_of, menu_prompt, page_of, parts
from assistant.calls.digits import joined
from assistant.calls.models import Call
from assistant.calls.plan import Heard, Plan
from assistant.calls.signing_in import TRIES, language_of_caller, open_call_session
from assistant.cards import button as button_to
from assistant.dialogue.turns import Message
from assistant.hearing import Bill, Doubtful, weigh
from assistant.identity import IdentityRefused, Principal, principal_of_sender
from assistant.method_choice import Chosen, read_method
from assistant.models import ChatSession
from assistant.opt_out import record_consent
from assistant.texts.compose import signed
from assistant.texts.outgoing import queue_text
from assistant.wording import either, say
from billing.accounts import get_account, position, usable_methods
from billing.context import Context
from billing.invoices import open_invoices
from billing.models import PaymentMethod
from billing.money import Money

PERSON, AGAIN, BACK = "0", "9", "*"
FRENCH = "2"
LONGEST_ACCOUNT = 16  # digits; more is something else
KEYPAD_ONLY, GIVE_UP = 3, 4  # times in a row that nothing could be used
NAMED = 12  # open invoices whose amounts a caller may have in mind


@dataclass(frozen=True, slots=True)
class Ask:
    """A turn of the dialogue. `pressed` is the option whose key was pressed; `transfer`: a person is wanted."""

    principal: Principal
    message: Message
    pressed: Option | None = None
    transfer: bool = False
    first: bool = False  # the caller is known since this step


@dataclass(frozen=True, slots=True)
class Charge:
    """A card was keyed in to Twilio: its token pays the quote that was read out before."""

    principal: Principal
    quote_id: str
    token: str
    save: bool


def react(  # noqa: PLR0911  (one return a kind of step)
    session: Session, context: Context, call: Call, heard: Heard, number: int
) -> Plan | Ask | Charge:
    """`number` is the step's. What is answered without the dialogue is noted on `call` in this transaction."""
    if heard.dialled:
        return _after_transfer(context, call, heard)
    if call.stage in ("language", "account", "pin"):
        return _before_it_is_known(session, context, call, heard, number)
    if call.stage == "over" or call.sender is None:
        return Plan(call.language, says=(word(call, "goodbye"),), ends="hang_up")
    try:
        principal = principal_of_sender(session, call.sender, context.now())
    except IdentityRefused:
        call.stage = "over"
        return Plan(call.language, says=(word(call, "session_over"),), ends="hang_up")
    if call.plan is not None and call.plan["ends"] == "pay":
        return _card_keyed(call, principal, heard)
    if heard.nothing:
        return again(context, call, "call_silent", nothing=True)
    if heard.digits:
        return _keyed(session, context, call, principal, heard.digits, number)
    return _spoken(session, context, call, principal, heard, number)


def word(call: Call, key: str, **values: object) -> str:
    return say(key, call.language, "voice", **values)


def person(context: Context, call: Call, *before: str) -> Plan:
    """To somebody who can help, before it is known who is calling."""
    if context.settings.call_person_number:
        return Plan(call.language, says=(*before, word(call, "call_to_person")), ends="dial")
    sentence = word(call, "call_person_elsewhere", contact=spoken_contact(context))
    call.stage = "over"
    return Plan(call.language, says=(*before, sentence), ends="hang_up")


def spoken_contact(context: Context) -> str:
    """Digit by digit, or the engine reads "1 800 555" as a sum."""
    return " ".join(character if character.isdigit() else " " for character in context.settings.company_contact)


def again(context: Context, call: Call, key: str, *, nothing: bool) -> Plan:
    """The question once more: short, then in detail, then by keypad only, then a person. Silence and misses apart."""
    call.silent, call.missed = (call.silent + 1, 0) if nothing else (0, call.missed + 1)
    times = call.silent or call.missed
    if times >= GIVE_UP:
        return person(context, call, word(call, key))
    asked = asked_last(call)
    says = [word(call, key)]
    if times == KEYPAD_ONLY - 1:
        says.append(word(call, "call_detail_many" if asked.keys == "many" else "call_detail_one"))
    if times == KEYPAD_ONLY:
        says.append(word(call, "call_keypad_only"))
        asked = replace(asked, speech=False)
    return replace(asked, says=tuple(says), ends="listen")


def understood(call: Call) -> None:
    call.silent = call.missed = 0


def asked_last(call: Call) -> Plan:
    """The question that is open; nothing was asked yet where there is none."""
    return Plan.of(call.plan) if call.plan else Plan(call.language)


def put(call: Call, plan: Plan) -> Plan:
    """Remembers the question, so that it can be asked again."""
    call.plan = plan.as_json()
    return plan


# ------------------------------------------------------------------------------------------------- who is calling


def _before_it_is_known(
    session: Session, context: Context, call: Call, heard: Heard, number: int
) -> Plan | Ask:  # fmt: skip
    if call.stage == "language":
        return _greet(session, context, call, heard, number)
    if heard.digits == PERSON:
        return person(context, call)
    if heard.digits == AGAIN and call.stage == "account":
        return asked_last(call)
    if heard.digits == BACK:
        return _ask_account(call)
    if call.stage == "account":
        return _account(context, call, heard)
    return _pin(session, context, call, heard, number)


def _greet(session: Session, context: Context, call: Call, heard: Heard, number: int) -> Plan:
    if number == 0:
        welcome = say("call_welcome", "en", "voice", company=context.settings.company_name)
        return Plan("en", asks=(welcome,), aside=say("call_for_french", "fr", "voice"), speech=False)
    if heard.digits == PERSON:
        return person(context, call)
    call.language = (
        "fr" if heard.digits == FRENCH else "en" if heard.digits else language_of_caller(session, call.phone)
    )
    return _ask_account(call)


def _ask_account(call: Call, *before: str) -> Plan:
    call.stage = "account"
    return put(call, Plan(call.language, asks=(*before, word(call, "call_account")), keys="many", speech=False))


def _account(context: Context, call: Call, heard: Heard) -> Plan:
    digits = heard.digits
    if not digits.isdigit() or len(digits) > LONGEST_ACCOUNT:
        return again(
            context, call, "call_missed" if digits or heard.card_removed else "call_silent", nothing=not digits
        )
    understood(call)
    call.account_number, call.stage = digits, "pin"
    return put(call, Plan(call.language, asks=(word(call, "call_pin"),), keys="many", speech=False))


def _pin(session: Session, context: Context, call: Call, heard: Heard, number: int) -> Plan | Ask:
    now = context.now()
    if heard.user_id is not None:
        understood(call)
        call.sender = open_call_session(session, call, heard.user_id, now, settings=context.settings)
        call.stage = "talk"
        principal = principal_of_sender(session, call.sender, now)
        return replace(_turn(session, principal, call, number, "balance", now), first=True)
    if not heard.digits:
        return again(context, call, "call_silent", nothing=True)
    call.refused += 1
    if call.refused >= TRIES:
        return person(context, call, word(call, "call_not_known"))
    return _ask_account(call, word(call, "call_not_known"))


# --------------------------------------------------------------------------------------------------------- keys


def _keyed(  # noqa: PLR0911  (one return a kind of key)
    session: Session, context: Context, call: Call, principal: Principal, digits: str, number: int
) -> Plan | Ask:
    now, menu = context.now(), menu_of(call)
    if digits == PERSON:
        return replace(_turn(session, principal, call, number, "human", now), transfer=True)
    if digits == AGAIN:
        return asked_last(call)
    if digits == BACK:
        understood(call)
        return _back(session, principal, call, number, now)
    options, more = page_of(menu, call.page)
    if len(digits) == 1 and 0 < int(digits) <= len(options):
        understood(call)
        return _chosen(session, context, call, principal, options[int(digits) - 1], number)
    if more and digits == str(len(options) + 1):
        understood(call)
        call.page += 1
        return put(call, Plan(call.language, asks=(menu_prompt(menu, call.page, call.language),)))
    if call.stage == "amount" and digits.isdigit():
        understood(call)
        amount = Money(int(digits), get_account(session, principal.account_id).currency)
        return _amount_keyed(session, context, call, principal, amount, number)
    return again(context, call, "call_missed", nothing=False)


def _back(session: Session, principal: Principal, call: Call, number: int, now: datetime) -> Ask:
    """One step; with nothing under way, to what is owed."""
    back = back_of(menu_of(call))
    if back is None:
        return _turn(session, principal, call, number, "balance", now)
    if not back.button:
        return _turn(session, principal, call, number, back.intent, now, **back.data)
    return _press(principal, call, number, back)


def _amount_keyed(
    session: Session, context: Context, call: Call, principal: Principal, amount: Money, number: int
) -> Ask:
    """With the card that was named beside the unclear amount; what cannot be paid the dialogue refuses."""
    method = next((o.data["method"] for o in menu_of(call) if o.intent == "pay" and "method" in o.data), None)
    if method is not None and amount and amount.minor <= context.settings.max_payment_minor:
        named = button_to("", "pay", amount_minor=amount.minor, method=method)
        return _press(principal, call, number, issue(session, principal, [named], context.now())[0])
    words = say("call_keyed_amount", call.language, "chat", amount=amount)
    return Ask(principal, Message(_id(call, number), text=words))


def _chosen(
    session: Session, context: Context, call: Call, principal: Principal, option: Option, number: int
) -> Plan | Ask:  # fmt: skip
    if option.intent == "key_card":
        quote, save = str(option.data["quote_id"]), bool(option.data["save"])
        return put(call, Plan(call.language, says=(word(call, "call_card_next"),), ends="pay", quote=quote, save=save))
    if option.intent == "text_link":
        return _link_instead(session, context, call, str(option.data["url"]))
    if option.intent != "text_me":
        return _press(principal, call, number, option)
    phone = session.get_one(ChatSession, principal.sender).phone
    call.wants_text = True
    if phone is not None:
        record_consent(session, phone, "in", "call", option.title, context.now())
    rest = [other for other in menu_of(call) if other.intent != "text_me"]
    set_menu(call, rest)
    return put(call, Plan(call.language, asks=parts(word(call, "call_will_text"), menu_prompt(rest, 0, call.language))))


def _link_instead(session: Session, context: Context, call: Call, url: str) -> Plan:
    rest = [option for option in menu_of(call) if option.intent not in ("key_card", "text_link")]
    set_menu(call, rest)
    return put(
        call,
        Plan(call.language, asks=parts(text_link(session, context, call, url), menu_prompt(rest, 0, call.language))),
    )


def _card_keyed(call: Call, principal: Principal, heard: Heard) -> Plan | Charge:
    """How `<Pay>` ended: with a token, with a star, or not at all; then it can be tried again, or the link be had."""
    asked = asked_last(call)
    if heard.card == "success" and heard.token:
        understood(call)
        return Charge(principal, asked.quote, heard.token, asked.save)
    key = "call_card_star" if heard.card == "caller-interrupted-with-star" else "call_card_failed"
    return put(call, Plan(call.language, asks=parts(word(call, key), menu_prompt(menu_of(call), 0, call.language))))


def text_link(session: Session, context: Context, call: Call, url: str) -> str:
    """Sends a link to the number on file, never to whatever number calls. What is said about it."""
    chat = session.get_one(ChatSession, call.sender)
    settings, sent = context.settings, None
    if chat.phone is not None and settings.can_text:
        words = say("text_link_from_call", call.language, "sms", url=url)
        sent = queue_text(
            session,
            settings=settings,
            phone=chat.phone,
            kind="result",
            now=context.now(),
            body=signed(words, settings.sms_sender_name),
            account_id=chat.account_id,
            portal_user_id=chat.portal_user_id,
            key=f"{call.sid}:{call.number}:link",
        )
    if sent is None or chat.phone is None:
        return word(call, "call_no_link")
    return word(call, "call_link_texted", ending=" ".join(chat.phone[-4:]))


def menu_of(call: Call) -> list[Option]:
    return [Option(**option) for option in call.menu]


def set_menu(call: Call, menu: list[Option]) -> None:
    call.menu, call.page = [asdict(option) for option in menu], 0


def _press(principal: Principal, call: Call, number: int, option: Option) -> Ask:
    return Ask(principal, Message(_id(call, number), button=option.button), option)


def _turn(
    session: Session, principal: Principal, call: Call, number: int, intent: str, now: datetime, **data: object
) -> Ask:  # fmt: skip
    """A wish that is certain, though no option of the dialogue's was pressed."""
    option = issue(session, principal, [button_to(intent, intent, **data)], now)[0]
    return Ask(principal, Message(_id(call, number), button=option.button), option)


def issue(session: Session, principal: Principal, buttons: list[dict[str, object]], now: datetime) -> list[Option]:
    message = {"text": "", "buttons": buttons, "card": None}
    issued = issue_buttons(session, principal.sender, [message], now)[0]["buttons"]
    return [
        Option(str(b["title"]), i["id"], str(b["intent"]), b["data"])  # type: ignore[arg-type]  # data is an object
        for b, i in zip(buttons, issued, strict=True)
    ]


def _id(call: Call, number: int) -> str:
    """The same for every repeat of the step, so that the dialogue takes it once."""
    return f"{call.sid}:{number}"


# ------------------------------------------------------------------------------------------------------- speech


def _spoken(
    session: Session, context: Context, call: Call, principal: Principal, heard: Heard, number: int
) -> Plan | Ask:  # fmt: skip
    message = Message(_id(call, number), text=joined(heard.speech) or "…", card_removed=heard.card_removed)
    if heard.card_removed:
        return Ask(principal, message)
    methods = usable_methods(session, principal.account_id, context.gateway.name)
    doubtful = _misheard(session, context, principal, heard, methods)
    if doubtful is None:
        return Ask(principal, message)
    named = read_method(joined(heard.speech), methods, offered=methods, current=None, asked=False)
    beside = {"method": str(named.method.id)} if isinstance(named, Chosen) else {}
    return _which_amount(session, context, call, principal, doubtful, beside)


def _misheard(
    session: Session, context: Context, principal: Principal, heard: Heard, methods: Sequence[PaymentMethod]
) -> Doubtful | None:
    """The guard of docs/hearing.md. The ending of a saved card is no amount."""
    reading = read_amount(joined(heard.speech), principal.language)
    if isinstance(reading, Exact) and str(reading.value) in {method.last4 for method in methods}:
        return None
    if isinstance(reading, Exact) and not _can_be_paid(reading.value, context):
        return None  # the dialogue says why
    today = context.settings.local(context.now()).date()
    place = position(session, principal.account_id, today)
    named = [place.past_due.decimal, *(i.open.decimal for i in open_invoices(session, principal.account_id)[:NAMED])]
    bill = Bill(place.outstanding.decimal, [amount for amount in dict.fromkeys(named) if amount])
    verdict = weigh(reading, confidence=heard.confidence, language=principal.language, bill=bill)
    return verdict if isinstance(verdict, Doubtful) else None


def _can_be_paid(value: Decimal, context: Context) -> bool:
    cents = value * 100
    return cents == int(cents) and 0 < cents <= context.settings.max_payment_minor


def _which_amount(
    session: Session, context: Context, call: Call, principal: Principal, doubtful: Doubtful, beside: Mapping[str, str]
) -> Plan:
    """What it could have been, each with a key, or the amount by keypad. `beside`: what was understood besides."""
    understood(call)
    currency = get_account(session, principal.account_id).currency
    payable = [value for value in doubtful.candidates if _can_be_paid(value, context)]
    amounts = [Money.from_decimal(value, currency) for value in payable[:AT_ONCE]]
    buttons = [
        button_to(say("button_pay_amount", call.language, "voice", amount=a), "pay", amount_minor=a.minor, **beside)
        for a in amounts
    ]
    options = issue(session, principal, buttons, context.now())
    set_menu(call, options)
    call.stage = "amount"
    question = word(call, "call_which_amount", amounts=either(amounts, call.language, "voice"))
    asks = parts(question, menu_prompt(options, 0, call.language), word(call, "call_key_amount"))
    return put(call, Plan(call.language, asks=asks, keys="many"))


def _after_transfer(context: Context, call: Call, heard: Heard) -> Plan:
    """The person has hung up, or nobody could be reached."""
    if heard.dialled == "completed":
        call.stage = "over"
        return Plan(call.language, says=(word(call, "goodbye"),), ends="hang_up")
    busy = word(call, "call_person_busy", contact=spoken_contact(context))
    if call.stage not in ("talk", "amount") or call.plan is None:
        call.stage = "over"
        return Plan(call.language, says=(busy,), ends="hang_up")
    return replace(Plan.of(call.plan), says=(busy,))
