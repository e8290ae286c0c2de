"""The yes: what it pays, what it does not, and what is said when it comes too late."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from assistant.models import ChatSession
from billing.context import Context
from billing.models import Account, Consent, Payment, PaymentMethod
from billing.quotes import last_delivered, open_quote, void_open_quote
from tests.actions.bot import FakeBot
from tests.actions.conftest import People
from tests.billing.builders import Clock, a_method, an_account, an_invoice
from tests.support.fake_gateway import FakeGateway


def at_quote(people: People, account: Account, said: str = "pay it all with visa 4242") -> FakeBot:
    bot = people.talk(account)
    bot.say(said, "pay")
    return bot


def payments_of(context: Context, account: Account) -> list[Payment]:
    with context.sessions() as session:
        return list(session.scalars(select(Payment).where(Payment.account_id == account.id).order_by(Payment.id)))


# ----------------------------------------------------------------------------------------------- a yes that pays


def test_a_typed_yes_pays_what_was_read_out(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people, maya)
    said = bot.last.text if bot.last else ""
    paid = bot.say("Yes please!", "affirm")
    assert paid.card["state"] == "succeeded"
    assert paid.card["balance"]["text"] == "$0.00"
    with context.sessions() as session:
        consent = session.scalars(select(Consent).where(Consent.account_id == maya.id)).one()
    assert (consent.said, consent.answered, consent.sender) == (said, "Yes please!", bot.sender)


def test_the_quotes_button_pays_and_its_words_are_the_consent(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people, maya)
    assert "was paid" in bot.press("Pay $452.10 now").text
    with context.sessions() as session:
        consent = session.scalars(select(Consent).where(Consent.account_id == maya.id)).one()
    assert consent.answered == "Pay $452.10 now"


def test_the_consent_names_the_address_that_opened_the_conversation(
    people: People, maya: Account, context: Context
) -> None:
    bot = at_quote(people, maya)
    with context.sessions.begin() as session:
        session.get_one(ChatSession, bot.sender).address = "203.0.113.7"
    bot.say("yes", "affirm")
    with context.sessions() as session:
        assert session.scalars(select(Consent.address).where(Consent.account_id == maya.id)).one() == "203.0.113.7"


def test_a_yes_that_repeats_the_quoted_amount_is_a_yes(people: People, maya: Account) -> None:
    assert "was paid" in at_quote(people, maya).say("yes, pay 452.10", "affirm").text


@pytest.mark.parametrize("said", ["yes, 452.10", "ok 452.10", "yes, all of it", "yes the visa ending 4242"])
def test_a_yes_that_looks_like_an_amount_or_a_card_is_a_yes_if_it_is_what_was_quoted(
    people: People, maya: Account, said: str
) -> None:
    assert "was paid" in at_quote(people, maya).say(said, "inform_amount").text


@pytest.mark.parametrize("said", ["452.10", "all of it", "yes, 452.10 but later", "yes 452.10?", "yes, 452"])
def test_without_a_clear_yes_to_that_amount_nothing_is_paid(
    people: People, maya: Account, gateway: FakeGateway, said: str
) -> None:
    assert "Shall I pay it now?" in at_quote(people, maya).say(said, "inform_amount").text
    assert not gateway.calls


def test_the_yes_costs_two_calls(people: People, maya: Account) -> None:
    assert at_quote(people, maya).say("yes", "affirm").calls == ["validate_payment_form", "action_pay"]


def test_too_many_tries_are_not_worded_as_a_decline_and_say_when_and_who(
    people: People, maya: Account, gateway: FakeGateway, tokens: dict[str, str], context: Context
) -> None:
    gateway.behaviours[tokens["4242"]] = "declined"
    for _ in range(5):
        assert at_quote(people, maya, "pay 10 with visa 4242").say("yes", "affirm").card["state"] == "declined"
    asked = gateway.count("confirm_payment")
    bot = at_quote(people, maya, "pay 10 with visa 4242")
    refused = bot.say("yes", "affirm")
    assert "too many tries" in refused.text and "Nothing was charged" in refused.text
    assert "declined" not in refused.text and "m.," in refused.text.replace("\u00a0", " ")
    assert list(refused.buttons) == ["Talk to a person"]
    assert bot.loop is None
    assert gateway.count("confirm_payment") == asked


def test_after_an_outcome_a_new_session_begins_and_repeat_still_works(people: People, maya: Account) -> None:
    bot = at_quote(people, maya)
    paid = bot.say("yes", "affirm")
    assert bot.slots["payment_amount" if "payment_amount" in bot.slots else "last_messages"]
    assert bot.loop is None
    assert bot.say("say that again", "repeat").text == paid.text


# ------------------------------------------------------------------------------------------- a yes that does not


@pytest.mark.parametrize("said", ["yes but make it later", "yes if you must", "👍", "sure?", "i guess yes"])
def test_a_hedged_yes_reads_the_quote_out_again(people: People, maya: Account, gateway: FakeGateway, said: str) -> None:
    again = at_quote(people, maya).say(said, "affirm")
    assert again.text.startswith("I only pay on a clear yes. I am about to charge $452.10")
    assert not gateway.calls


def test_a_maybe_reads_the_quote_out_again(people: People, maya: Account, gateway: FakeGateway) -> None:
    assert "clear yes" in at_quote(people, maya).say("maybe", "unsure").text
    assert not gateway.calls


def test_a_yes_with_another_amount_is_a_correction(people: People, maya: Account, gateway: FakeGateway) -> None:
    assert "$50.00 to your Visa" in at_quote(people, maya).say("yes, 50", "affirm").text
    assert not gateway.calls


def test_a_yes_with_another_card_is_a_correction(people: People, maya: Account, gateway: FakeGateway) -> None:
    assert "to your Mastercard" in at_quote(people, maya).say("yes with the mastercard", "affirm").text
    assert not gateway.calls


def test_a_yes_to_nothing_charges_nothing(people: People, maya: Account, gateway: FakeGateway) -> None:
    told = people.talk(maya).say("yes", "affirm")
    assert "nothing was charged" in told.text
    assert "Pay $452.10" in told.buttons
    assert not gateway.calls


def test_a_yes_after_giving_up_charges_nothing(people: People, maya: Account, gateway: FakeGateway) -> None:
    bot = at_quote(people, maya)
    bot.say("cancel", "cancel")
    assert "nothing was charged" in bot.say("yes", "affirm").text
    assert not gateway.calls


def test_a_yes_to_a_new_card_leads_to_the_secure_page(people: People, maya: Account, gateway: FakeGateway) -> None:
    bot = at_quote(people, maya, "pay 50 with a new card")
    assert bot.say("yes", "affirm").card["type"] == "link"
    assert not gateway.calls


# ------------------------------------------------------------------------------------------------------ twice, late


def test_a_second_yes_answers_with_the_first_payments_state(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    bot.say("yes", "affirm")
    again = bot.say("yes", "affirm")
    assert again.text.startswith("You have said yes to this already, and nothing more was charged.")
    assert "was paid" in again.text
    assert len(payments_of(context, maya)) == len(gateway.charges()) == 1


def test_an_old_button_answers_with_the_first_payments_state(
    people: People, maya: Account, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    old = bot.last.buttons["Pay $452.10 now"] if bot.last else {}
    bot.press("Pay $452.10 now")
    assert "said yes to this already" in bot.press_again(old).text
    assert len(gateway.charges()) == 1


def test_a_late_yes_to_a_bill_that_another_tab_has_paid_does_not_pay_ahead(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    late, quick = at_quote(people, maya), people.talk(maya)
    quick.say("pay it all with the visa", "pay")
    quick.say("yes", "affirm")
    for _ in range(2):
        told = late.say("yes", "affirm")
    assert "was paid" in told.text
    assert len(payments_of(context, maya)) == len(gateway.charges()) == 1


def test_a_late_yes_reads_out_a_new_quote(
    people: People, maya: Account, context: Context, gateway: FakeGateway, clock: Clock
) -> None:
    bot = at_quote(people, maya)
    clock.forward(minutes=6)
    again = bot.say("yes", "affirm")
    assert again.text.startswith("That offer has run out, so I ask again. I am about to charge $452.10")
    assert not gateway.calls
    assert "was paid" in bot.say("yes", "affirm").text


def test_a_yes_after_another_tabs_quote_reads_out_the_present_one(
    people: People, maya: Account, gateway: FakeGateway
) -> None:
    first = at_quote(people, maya)
    second = at_quote(people, maya, "pay 60 with the mastercard")
    told = first.say("yes", "affirm")
    assert told.text.startswith("There is a newer offer for your account, so nothing was charged.")
    assert "$60.00 to your Mastercard" in told.text
    assert not gateway.calls
    assert "was paid" in first.say("yes", "affirm").text
    assert "said yes" not in (answer := second.say("yes", "affirm")).text
    assert "nothing was charged" in answer.text or "I ask again" in answer.text
    assert [str(p.captured) for p in gateway.charges()] == ["60.00 CAD"]


def test_an_old_quotes_button_leads_to_the_present_quote(people: People, maya: Account, gateway: FakeGateway) -> None:
    bot = at_quote(people, maya)
    old = bot.last.buttons["Pay $452.10 now"] if bot.last else {}
    bot.say("make it 50", "inform_amount")
    told = bot.press_again(old)
    assert "newer offer" in told.text
    assert "$50.00 to your Visa" in told.text
    assert not gateway.calls


def test_an_old_button_in_the_middle_of_a_change_charges_nothing(
    people: People, maya: Account, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    old = bot.last.buttons["Pay $452.10 now"] if bot.last else {}
    bot.press("Change the amount")
    told = bot.press_again(old)
    assert told.messages[0]["text"] == "There is nothing waiting for a yes, and nothing was charged."
    assert told.messages[1]["text"] == "How much would you like to pay?"
    assert not gateway.calls


def test_a_quote_of_another_account_means_nothing(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people, maya)
    button = bot.last.buttons["Pay $452.10 now"] if bot.last else {}
    with context.sessions.begin() as session:
        stranger = an_account(session)
        an_invoice(session, stranger, "10.00")
    assert "nothing was charged" in people.talk(stranger).press_again(button).text


def test_invoices_that_changed_since_are_quoted_anew(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    with context.sessions.begin() as session:
        an_invoice(session, maya, "20.00", due_days=-90, number="INV-0999")
    told = bot.say("yes", "affirm")
    assert told.text.startswith("Something on your account has changed since, so I ask again.")
    assert "INV-0999" in told.text
    assert not gateway.calls


def test_all_that_is_owed_follows_what_is_owed(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    other = at_quote(people, maya, "pay 200 with the mastercard")
    other.say("yes", "affirm")
    told = bot.say("yes", "affirm")
    assert told.text.startswith("Something on your account has changed since, so I ask again.")
    assert "$252.10 to your Visa ending 4242" in told.text
    assert "was paid" in bot.say("yes", "affirm").text
    assert [str(p.captured) for p in gateway.charges()] == ["200.00 CAD", "252.10 CAD"]


def test_a_number_of_ones_own_stays_what_it_was(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya, "pay 400 with visa 4242")
    other = at_quote(people, maya, "pay 200 with the mastercard")
    other.say("yes", "affirm")
    told = bot.say("yes", "affirm")
    assert "$400.00 to your Visa ending 4242" in told.text
    assert "$147.90 of it is more than you owe" in told.text


def test_nothing_is_left_to_pay_when_somebody_else_was_quicker(people: People, maya: Account) -> None:
    bot = at_quote(people, maya)
    at_quote(people, maya, "pay it all with the mastercard").say("yes", "affirm")
    assert "paid in the meantime" in bot.say("yes", "affirm").text
    assert bot.loop is None


def test_a_card_that_was_removed_since_is_asked_for(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    with context.sessions.begin() as session:
        session.scalars(
            select(PaymentMethod).where(PaymentMethod.account_id == maya.id, PaymentMethod.last4 == "4242")
        ).one().state = "removed"
    told = bot.say("yes", "affirm")
    assert [m["last4"] for m in told.card["methods"]] == ["4444", "0002"]
    assert not gateway.calls


def test_the_quote_that_somebody_voided_is_not_charged(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people, maya)
    with context.sessions.begin() as session:
        void_open_quote(session, maya.id, cause="test", actor="system:test", now=context.now())
    assert "nothing was charged" in bot.say("yes", "affirm").messages[0]["text"]
    assert not gateway.calls


# ------------------------------------------------------------------------------------------------------- outcomes

DECLINED = (
    "The card has been declined. Verify your card details and billing address, then try again or use a different"
    " payment method."
)


def test_a_decline_keeps_the_amount_and_offers_three_ways(
    people: People, maya: Account, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    bot = at_quote(people, maya, "pay 100 with visa 0002")
    declined = bot.say("yes", "affirm")
    assert declined.text == DECLINED
    assert list(declined.buttons) == ["Try Visa ending 0002 again", "Another card", "A new card"]
    asked = bot.press("Another card")
    assert [m["last4"] for m in asked.card["methods"]] == ["4242", "4444"]
    assert "$100.00 to your Mastercard" in bot.press("Mastercard ending 4444").text
    assert "was paid" in bot.say("yes", "affirm").text
    assert [str(p.captured) for p in gateway.charges()] == ["100.00 CAD"]


def test_the_same_card_can_be_tried_again_under_a_new_quote(
    people: People, maya: Account, gateway: FakeGateway, tokens: dict[str, str], context: Context
) -> None:
    bot = at_quote(people, maya, "pay 100 with visa 0002")
    bot.say("yes", "affirm")
    assert "$100.00 to your Visa ending 0002" in bot.press("Try Visa ending 0002 again").text
    gateway.behaviours[tokens["0002"]] = "succeeded"
    assert "was paid" in bot.say("yes", "affirm").text
    assert [p.state for p in payments_of(context, maya)] == ["declined", "succeeded"]


def test_words_after_a_decline_pick_up_the_amount(people: People, maya: Account, tokens: dict[str, str]) -> None:
    bot = at_quote(people, maya, "pay 100 with visa 0002")
    bot.say("yes", "affirm")
    assert "$100.00 to your Mastercard" in bot.say("use the mastercard", "choose_method").text


def test_a_new_card_after_a_decline_keeps_the_amount(
    people: People, maya: Account, context: Context, tokens: dict[str, str]
) -> None:
    bot = at_quote(people, maya, "pay 100 with visa 0002")
    bot.say("yes", "affirm")
    bot.press("A new card")
    with context.sessions() as session:
        quote = open_quote(session, maya.id, context.now())
    assert quote is not None
    assert (quote.amount_minor, quote.method_id) == (10000, None)


def test_what_was_paid_is_not_proposed_again(people: People, maya: Account) -> None:
    bot = at_quote(people, maya, "pay 100 with visa 4242")
    bot.say("yes", "affirm")
    assert "You owe $352.10" in bot.say("pay my bill", "pay").text


def test_a_declined_debit_has_words_of_its_own(people: People, context: Context, gateway: FakeGateway) -> None:
    with context.sessions.begin() as session:
        account = an_account(session, method=False)
        an_invoice(session, account, "84.20")
        bank = a_method(session, account, kind="bank_debit", brand="bank", last4="6789")
    gateway.behaviours[bank.gateway_reference] = "declined"
    bot = at_quote(people, account, "pay it all from the bank account")
    assert bot.last is not None
    assert "The bank can take up to 5 business days to decide." in bot.last.text
    assert bot.say("yes", "affirm").text.startswith("The bank has declined the payment.")


def test_a_pending_payment_is_never_worded_as_paid(
    people: People, maya: Account, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "processing"
    bot = at_quote(people, maya)
    told = bot.say("yes", "affirm")
    assert "is pending: the bank is deciding" in told.text
    assert "was paid" not in told.text
    assert "is not decided yet" in bot.say("pay my bill", "pay").text
    assert "is pending" in bot.press("Check the payment").text


def test_a_lost_answer_is_being_checked_and_never_a_decline(
    people: People, maya: Account, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "charged_but_lost"
    bot = at_quote(people, maya)
    told = bot.say("yes", "affirm")
    assert "no answer about your payment of $452.10 yet" in told.text
    assert "declined" not in told.text
    assert "is not decided yet" in bot.say("pay my bill", "pay").text


def test_a_gateway_that_cannot_be_reached_has_charged_nothing(
    people: People, maya: Account, gateway: FakeGateway
) -> None:
    gateway.fail_next("create_payment", "unreachable", "unreachable")
    told = at_quote(people, maya).say("yes", "affirm")
    assert "could not be started, and nothing was charged" in told.text
    assert "Try Visa ending 4242 again" in told.buttons


def test_a_step_at_the_bank_is_linked(
    people: People, maya: Account, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "requires_action"
    told = at_quote(people, maya).say("yes", "affirm")
    assert "Your bank wants you to confirm" in told.text
    assert told.card["url"].startswith("https://bank.example/")


def test_a_payment_that_began_elsewhere_meanwhile_is_named(
    people: People, maya: Account, context: Context, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4444"]] = "processing"
    first = at_quote(people, maya)
    second = at_quote(people, maya, "pay 60 with the mastercard")
    second.say("yes", "affirm")
    told = first.say("yes", "affirm")
    assert "A payment of $60.00 from" in told.text
    assert not gateway.charges()
    with context.sessions() as session:
        quote = last_delivered(session, first.sender)
    assert quote is not None
    assert quote.state == "replaced"
