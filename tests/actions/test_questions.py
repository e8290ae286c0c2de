"""Everything that is not a payment: balance, dates, history, receipts, a person, language, small talk."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from assistant.models import Ticket
from billing.context import Context
from billing.models import Account, Notice, PayLink
from tests.actions.conftest import People
from tests.billing.builders import Clock, a_credit, a_method, an_account, an_invoice, pay
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def liam(context: Context) -> Account:
    """A credit of 35.00, nothing open, nothing saved."""
    with context.sessions.begin() as session:
        account = an_account(session, method=False)
        a_credit(session, account, "35.00")
    return account


# --------------------------------------------------------------------------------------------------- what is owed


def test_the_balance_is_one_call_and_one_card(people: People, maya: Account) -> None:
    told = people.talk(maya).say("what do I owe", "balance")
    assert told.calls == ["action_balance"]
    assert told.text == "Your balance is $452.10. Of that, $352.10 is past due."
    assert (told.card["past_due"]["minor"], told.card["invoices_open"]) == (35210, 3)
    assert list(told.buttons) == ["Pay $452.10", "Pay $352.10 past due"]


def test_a_credit_shows_as_a_negative_balance(people: People, liam: Account) -> None:
    told = people.talk(liam).say("what do I owe", "balance")
    assert told.text == "Your balance is −$35.00 (credit). There is nothing to pay."
    assert told.card["due"] is None
    assert not told.buttons


def test_a_balance_that_is_not_late_names_its_date(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session)
        an_invoice(session, account, "84.20", due_days=5)
    told = people.talk(account).say("what do I owe", "balance")
    assert told.text == "Your balance is $84.20. It is due November 27, 2026."


def test_nothing_at_all_is_owed(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session)
    bot = people.talk(account)
    assert bot.say("what do I owe", "balance").text == "Your balance is $0.00. There is nothing to pay."
    assert bot.say("when is it due", "due_date").text.startswith("Nothing is due.")
    assert bot.say("what is late", "overdue").text.startswith("Nothing is past due.")
    assert "There is no open invoice." in bot.say("why", "explain_balance").text
    assert bot.say("what have I paid", "history").text == (
        "There are no invoices and no payments in the last 24 months."
    )
    assert bot.say("did it go through", "payment_status").text == "There is no payment on your account yet."
    assert "no accepted payment" in bot.say("receipt please", "receipt").text
    assert bot.say("why declined", "declined_question").text == "Your last payment was not declined."


def test_due_dates_name_what_is_late_and_what_comes_next(people: People, maya: Account) -> None:
    told = people.talk(maya).say("when is it due", "due_date")
    assert "$352.10 is past due, the oldest part since September 23, 2026." in told.text
    assert "INV-1003, $100.00, is due November 27, 2026." in told.text


def test_the_balance_is_explained_from_invoices_and_payments(
    people: People, maya: Account, context: Context, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    pay(context, maya, "50.00")
    bot = people.talk(maya)
    told = bot.say("why is my balance this", "explain_balance")
    assert "INV-1001 ($150.00, due September 23, 2026), INV-1002" in told.text
    assert "Your payment of $50.00 on November 22, 2026 is already taken off." in told.text
    gateway.behaviours[tokens["4242"]] = "processing"
    pay(context, maya, "20.00")
    told = bot.say("why is my balance this", "explain_balance")
    assert "A payment of $20.00 is still being decided and is not taken off yet." in told.text


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("what do I owe", "balance"),
        ("when is it due", "due_date"),
        ("what is late", "overdue"),
        ("why", "explain_balance"),
    ],
)
def test_while_the_bank_decides_no_answer_offers_to_pay_again(
    people: People,
    maya: Account,
    context: Context,
    gateway: FakeGateway,
    tokens: dict[str, str],
    text: str,
    intent: str,
) -> None:
    gateway.behaviours[tokens["4242"]] = "processing"
    pay(context, maya, "20.00")
    told = people.talk(maya).say(text, intent)
    assert "A payment of $20.00 is still being decided and is not taken off yet." in told.text
    assert list(told.buttons) == ["Check the payment"]


def test_a_credit_is_explained(people: People, liam: Account) -> None:
    told = people.talk(liam).say("why is my balance this", "explain_balance")
    assert "$35.00 more than was billed" in told.text


def test_240_open_invoices_are_summed_up(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session)
        for n in range(240):
            an_invoice(session, account, "10.00", due_days=n - 100, number=f"INV-{2000 + n}")
    bot = people.talk(account)
    assert "240 invoices (INV-2000 to INV-2239)" in bot.say("why", "explain_balance").text
    assert "100 invoices (INV-2000 to INV-2099)" in bot.say("what is late", "overdue").text
    told = bot.say("history", "history")
    assert "240 invoices and 0 payments" in told.text
    assert len(told.text) < 500
    assert len(told.card["lines"]) < 100


# ------------------------------------------------------------------------------------------ history and receipts


def test_a_text_has_the_receipts_address_in_it_and_a_voice_has_none(
    people: People, maya: Account, context: Context
) -> None:
    pay(context, maya, "210.00")
    (text,) = people.talk(maya, channel="sms").say("receipt please", "receipt").messages
    assert re.search(r"PDF, for 15 minutes: http://\S+/documents/[A-Za-z0-9_-]{40}$", text["text"])
    assert text["text"].isascii()
    spoken = people.talk(maya, channel="voice").say("receipt please", "receipt")
    assert "http" not in spoken.text
    assert (spoken.card["type"], spoken.card["purpose"]) == ("link", "receipt")  # what goes out by text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("send me a copy of my bill", "INV-1003"),
        ("INV-1001 as a pdf", "INV-1001"),
        ("copie de ma facture", None),
    ],
)
def test_a_copy_of_an_invoice_is_that_invoice(people: People, maya: Account, text: str, number: str | None) -> None:
    told = people.talk(maya).say(text, "receipt")
    assert (number or "Voici la facture INV-1003") in told.text
    assert (told.card["type"], told.card["purpose"]) == ("link", "invoice")


def test_history_lists_the_latest_and_leaves_the_rest_to_the_card(
    people: People, maya: Account, context: Context
) -> None:
    pay(context, maya, "50.00")
    told = people.talk(maya).say("history", "history")
    assert told.text.startswith("In the last 24 months: 3 invoices and 1 payment. The latest:\n")
    assert "$50.00, accepted" in told.text
    assert {line["kind"] for line in told.card["lines"]} == {"invoice", "payment"}


def test_history_begins_with_the_latest_payment_of_a_day(people: People, maya: Account, context: Context) -> None:
    first, second = pay(context, maya, "40.00"), pay(context, maya, "30.00")
    told = people.talk(maya).say("last payment", "history")
    assert [line["label"] for line in told.card["lines"][:2]] == [second.reference, first.reference]


def test_history_knows_the_companys_day_not_the_servers(
    people: People, maya: Account, context: Context, clock: Clock
) -> None:
    clock.at = clock.at.replace(hour=3, minute=30)  # half past ten of the evening before, in Toronto
    pay(context, maya, "40.00")
    told = people.talk(maya).say("history", "history")
    assert told.card["lines"][0]["on"] == "2026-11-21"


def test_a_receipt_is_told_from_the_books(people: People, maya: Account, context: Context) -> None:
    payment = pay(context, maya, "210.00")
    told = people.talk(maya).say("receipt please", "receipt")
    assert told.text.startswith(f"Receipt {payment.reference}: $210.00 on November 22, 2026.")
    assert "Paid with your Visa ending 4242." in told.text
    assert "INV-1001 in full and $10.00 of INV-1002, which leaves $142.10" in told.text
    assert f"It was sent to {payment.billing_email}." in told.text
    first, second = told.messages
    assert first["custom"]["card"]["reference"] == payment.reference
    assert (second["custom"]["card"]["type"], second["custom"]["card"]["purpose"]) == ("link", "receipt")
    assert "/documents/" in second["custom"]["card"]["url"]
    assert second["text"] == "Here it is as a PDF; the link is good for 15 minutes."


def test_the_receipt_of_a_payment_that_is_about_to_be_made(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay 50 with the mastercard", "pay")
    told = bot.say("where does the receipt go", "receipt")
    assert told.messages[0]["text"].startswith("When it is paid, the receipt goes to ")


def test_there_is_no_receipt_before_the_bank_has_decided(
    people: People, maya: Account, context: Context, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "processing"
    pay(context, maya, "50.00")
    assert "the receipt follows" in people.talk(maya).say("receipt please", "receipt").text


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [("succeeded", "went through"), ("declined", "was declined, and nothing was charged"), ("processing", "is pending"),
     ("charged_but_lost", "no answer about your payment"), ("requires_action", "wants you to confirm")],
)  # fmt: skip
def test_payment_status_says_the_present_state(
    people: People,
    maya: Account,
    context: Context,
    gateway: FakeGateway,
    tokens: dict[str, str],
    behaviour: str,
    told: str,
) -> None:
    gateway.behaviours[tokens["4242"]] = behaviour  # type: ignore[assignment]
    pay(context, maya, "50.00")
    assert told in people.talk(maya).say("did it go through", "payment_status").text


def test_a_try_that_never_began_is_told_before_the_payment_before_it(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    pay(context, maya, "40.00")
    gateway.fail_next("create_payment", "unreachable")
    pay(context, maya, "11.00")
    told = people.talk(maya).say("did it go through", "payment_status").text
    assert told.startswith(
        "The last try, $11.00, could not be started, and nothing was charged. Your payment of $40.00"
    )


def test_a_page_that_is_still_open_is_told_before_the_payment_before_it(
    people: People, maya: Account, context: Context
) -> None:
    pay(context, maya, "40.00")
    bot = people.talk(maya)
    bot.say("pay 20 with a new card", "pay")
    told = bot.say("I did it", "payment_status").text
    assert told.startswith("Nothing has come from the secure page for $20.00 yet, so nothing was charged there.")


def test_why_it_was_declined_offers_ways_on(
    people: People, maya: Account, context: Context, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "declined"
    pay(context, maya, "50.00")
    bot = people.talk(maya)
    told = bot.say("why was it declined", "declined_question")
    assert "does not tell us why" in told.text
    assert "Check the billing address" in told.buttons
    assert bot.press("Check the billing address").card["purpose"] == "edit_method"


# ---------------------------------------------------------------------------------------------------- methods


def test_address_and_email_of_a_saved_card_are_edited_on_the_secure_page(
    people: People, maya: Account, context: Context
) -> None:
    bot = people.talk(maya)
    asked = bot.say("I moved, new billing address", "edit_method")
    assert list(asked.buttons) == ["Visa ending 4242", "Mastercard ending 4444", "Visa ending 0002"]
    linked = bot.press("Mastercard ending 4444")
    assert linked.card["purpose"] == "edit_method"
    assert "Mastercard ending 4444" in linked.text
    with context.sessions() as session:
        link = session.scalars(select(PayLink).where(PayLink.account_id == maya.id)).one()
    assert link.method_id is not None
    assert link.expires_at - link.created_at == timedelta(minutes=15)


def test_the_card_to_edit_can_be_named(people: People, maya: Account) -> None:
    told = people.talk(maya).say("change the address of my mastercard", "edit_method")
    assert "Mastercard ending 4444" in told.text


def test_without_a_saved_card_there_is_nothing_to_edit(people: People, liam: Account) -> None:
    assert "no saved payment method" in people.talk(liam).say("new billing address", "edit_method").text


# ----------------------------------------------------------------------------------------------------- a person


def test_a_ticket_carries_the_state_and_is_opened_once(people: People, maya: Account, context: Context) -> None:
    bot = people.talk(maya)
    bot.say("pay 50 with the mastercard", "pay")
    told = bot.say("let me talk to somebody", "human").messages[0]["text"]
    with context.sessions() as session:
        ticket = session.scalars(select(Ticket).where(Ticket.account_id == maya.id)).one()
        notice = session.scalars(select(Notice).where(Notice.account_id == maya.id)).one()
    assert f"Your ticket is {ticket.id}." in told
    assert ticket.state["balance"] == "452.10 CAD"
    assert ticket.state["open_quote"]["amount"] == "50.00 CAD"
    assert ticket.state["waiting_for"] == "payment_confirmation"
    assert ticket.state["said"][0] == {"by": "user", "text": "pay 50 with the mastercard"}
    assert (notice.kind, notice.recipient) == ("handoff", context.settings.handoff_email)
    assert notice.detail["ticket"] == str(ticket.id)
    assert notice.detail["reason"] == "wants to talk to a person"
    assert "already, under ticket" in bot.say("a person!", "human").messages[0]["text"]


def test_a_refund_question_goes_to_a_person(people: People, maya: Account, context: Context) -> None:
    told = people.talk(maya).say("I want my money back", "refund_or_dispute")
    assert told.text.startswith("Refunds and disputed charges are looked at by a person.")
    with context.sessions() as session:
        assert session.scalars(select(Ticket.reason).where(Ticket.account_id == maya.id)).one() == "refund_or_dispute"


# ---------------------------------------------------------------------------------------------------- giving up


def test_giving_up_voids_a_waiting_link(people: People, maya: Account, context: Context) -> None:
    bot = people.talk(maya)
    bot.say("pay 50 with a new card", "add_card")
    assert "Nothing was charged." in bot.say("cancel", "cancel").text
    assert bot.say("cancel", "cancel").text == "There is nothing to take back: no payment is under way."


def test_a_payment_at_the_bank_cannot_be_taken_back(
    people: People, maya: Account, context: Context, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "processing"
    pay(context, maya, "50.00")
    told = people.talk(maya).say("cancel my payment", "cancel")
    assert "already with the bank" in told.text
    assert "Talk to a person" in told.buttons


def test_who_has_just_paid_and_cancels_hears_that_the_money_has_gone(
    people: People, maya: Account, context: Context, clock: Clock
) -> None:
    pay(context, maya, "50.00")
    bot = people.talk(maya)
    assert "Your payment of $50.00 went through already." in bot.say("cancel that payment", "cancel").text
    clock.forward(days=2)
    assert people.talk(maya).say("cancel", "cancel").text == "There is nothing to take back: no payment is under way."


def test_beginning_again_without_a_payment_shows_the_doors(people: People, maya: Account) -> None:
    told = people.talk(maya).say("start over", "start_over")
    assert "Pay $452.10" in told.buttons


# ---------------------------------------------------------------------------------------------------- small talk


@pytest.mark.parametrize(
    ("intent", "told"),
    [
        ("greet", "Hello!"),
        ("help", "You can ask what you owe"),
        ("thanks", "You are welcome!"),
        ("goodbye", "Goodbye!"),
        ("bot_challenge", "automatic assistant of Northwind Telecom"),
        ("deny", "All right."),
        ("unsure", "Take your time."),
        ("not_offered", "cannot be set up here yet"),
        ("out_of_scope", "That is beyond me"),
        ("repeat", "nothing to say again"),
        ("nlu_fallback", "I did not get that."),
    ],
)
def test_small_talk_is_answered(people: People, maya: Account, intent: str, told: str) -> None:
    assert told in people.talk(maya).say("…", intent).text


def test_two_misunderstandings_in_a_row_offer_help_and_a_person(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("asdf", "nlu_fallback")
    told = bot.say("qwer", "out_of_scope")
    assert told.text.startswith("I still do not follow, sorry.")
    assert {"What can you do?", "Talk to a person"} <= told.buttons.keys()
    bot.say("balance", "balance")
    assert "I did not get that." in bot.say("asdf", "nlu_fallback").text


def test_the_last_messages_are_repeated_with_their_buttons(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    first = bot.say("what do I owe", "balance")
    again = bot.say("again?", "repeat")
    assert (again.text, again.buttons, again.card) == (first.text, first.buttons, first.card)


@pytest.mark.parametrize("said", ["en français svp", "je veux parler francais", "can we speak French"])
def test_french_from_here_on(people: People, maya: Account, said: str) -> None:
    bot = people.talk(maya)
    assert bot.say(said, "change_language").text == "Très bien, en français à partir d’ici."
    assert bot.say("mon solde", "balance").text.startswith("Votre solde est de 452,10\xa0$")


def test_an_unnamed_language_is_asked_for(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    assert list(bot.say("another language", "change_language").buttons) == ["English", "Français"]
    assert bot.press("Français").text == "Très bien, en français à partir d’ici."


# ------------------------------------------------------------------------------------------ whose account it is


def test_every_sender_sees_its_own_account_alone(people: People, maya: Account, liam: Account) -> None:
    assert "$452.10" in people.talk(maya).say("balance", "balance").text
    assert "452" not in people.talk(liam).say("balance of account 100200", "balance").text


def test_an_unknown_sender_is_told_nothing(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.sender = "s_of_nobody"
    told = bot.say("balance", "balance")
    assert told.text == "Your session is over. Please open the chat from the billing portal again."
    assert not told.buttons


def test_what_is_saved_belongs_to_its_account(people: People, maya: Account, context: Context) -> None:
    with context.sessions.begin() as session:
        stranger = an_account(session, method=False)
        theirs = a_method(session, stranger, brand="amex", last4="0005")
    bot = people.talk(maya)
    bot.say("pay 50", "pay")
    asked = bot.press_again({"intent": "choose_method", "data": {"method": str(theirs.id)}})
    assert "I did not get which one." in asked.text
