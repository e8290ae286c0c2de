"""The form: amount, method, quote. Nothing here may charge; tests/actions/test_pay_confirm.py is about the yes."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from billing.context import Context
from billing.models import Account, PayLink, Quote
from billing.quotes import open_quote
from tests.actions.bot import FakeBot
from tests.actions.conftest import People
from tests.billing.builders import Clock, a_credit, a_method, an_account, an_invoice, pay
from tests.support.fake_gateway import FakeGateway


def quote_of(context: Context, account: Account) -> Quote:
    with context.sessions() as session:
        quote = open_quote(session, account.id, context.now())
        assert quote is not None
        return quote


def has_quote(context: Context, account: Account) -> bool:
    with context.sessions() as session:
        return open_quote(session, account.id, context.now()) is not None


def at_quote(bot: FakeBot) -> FakeBot:
    """452.10 on the Visa ending 4242, waiting for a yes."""
    bot.say("pay it all with visa 4242", "pay")
    return bot


# ------------------------------------------------------------------------------------------------ the plain way


def test_pays_it_all_with_a_saved_card(people: People, maya: Account, gateway: FakeGateway) -> None:
    bot = people.talk(maya)
    asked = bot.say("pay my bill", "pay")
    assert asked.text.startswith("You owe $452.10, and $352.10 of it is past due.")
    assert list(asked.buttons) == ["Pay $452.10", "Pay $352.10 past due", "Another amount", "Cancel"]
    assert asked.card["balance"] == {"minor": 45210, "currency": "CAD", "text": "$452.10"}
    which = bot.press("Pay $452.10")
    assert [m["last4"] for m in which.card["methods"]] == ["4242", "4444", "0002"]
    assert list(which.buttons)[-2:] == ["A new card", "Cancel"]
    quoted = bot.say("the visa ending 4242", "choose_method")
    assert "$452.10 to your Visa ending 4242" in quoted.text
    assert "INV-1001, INV-1002 and INV-1003 in full" in quoted.text
    assert quoted.card["type"] == "quote"
    assert not gateway.calls
    paid = bot.say("yes", "affirm")
    assert "Your balance is now $0.00." in paid.text
    assert [str(p.captured) for p in gateway.charges()] == ["452.10 CAD"]


def test_the_form_starts_with_one_call_to_the_action_server(people: People, maya: Account) -> None:
    assert people.talk(maya).say("pay my bill", "pay").calls == ["validate_payment_form"]


def test_everything_said_at_once_is_quoted_at_once(people: People, maya: Account, context: Context) -> None:
    quoted = people.talk(maya).say("pay 300 with the mastercard", "pay")
    assert "$300.00 to your Mastercard ending 4444" in quoted.text
    assert "INV-1001 in full and $100.00 of INV-1002, which leaves $52.10" in quoted.text
    assert quoted.card["invoices"][1]["left"]["minor"] == 5210
    assert quote_of(context, maya).said == quoted.text


def test_the_quote_says_where_the_receipt_goes(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session, method=False)
        an_invoice(session, account, "10.00")
        a_method(session, account, billing_email="accounts@northwind.example")
    quoted = people.talk(account).say("pay it all with the visa", "pay")
    assert "The receipt goes to accounts@northwind.example." in quoted.text


# ------------------------------------------------------------------------------------------------------- amounts


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("0", "A payment has to be more than zero."),
        ("-5", "A payment has to be more than zero."),
        ("10.005", "no parts of a cent"),
        ("999999999", "The most that one payment can be is $10,000.00."),
        ("20 euros", "This account is billed in CAD"),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused_and_asked_again(
    people: People, maya: Account, context: Context, said: str, answer: str
) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    refused = bot.say(said, "inform_amount")
    assert answer in refused.text
    assert "How much would you like to pay?" in refused.text
    assert not has_quote(context, maya)


def test_a_refused_amount_keeps_the_rest_of_the_form(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people.talk(maya))
    before = quote_of(context, maya)
    refused = bot.say("make it 0", "inform_amount")
    assert "more than zero" in refused.text
    assert "$452.10 to your Visa ending 4242" in refused.text
    assert quote_of(context, maya).id == before.id


@pytest.mark.parametrize(
    ("said", "minor"),
    [("half", 22605), ("everything", 45210), ("only the past due part", 35210), ("only the oldest invoice", 20000),
     ("fifty dollars", 5000), ("everything except 50", 40210), ("pay INV-1003", 10000)],
)  # fmt: skip
def test_an_amount_is_read_in_many_forms(
    people: People, maya: Account, context: Context, said: str, minor: int
) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    bot.say(said, "inform_amount")
    bot.say("mastercard", "choose_method")
    assert quote_of(context, maya).amount_minor == minor


def test_a_named_invoice_goes_first(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay INV-1003", "pay")
    assert "It pays INV-1003 in full." in bot.say("mastercard", "choose_method").text


def test_an_unknown_invoice_is_said_to_be_unknown(people: People, maya: Account) -> None:
    assert "no open invoice INV-9999" in people.talk(maya).say("pay INV-9999", "pay").text


def test_an_amount_with_two_meanings_is_asked(people: People, maya: Account, context: Context) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    asked = bot.say("50 or 60", "inform_amount")
    assert "Did you mean $50.00 or $60.00?" in asked.text
    again = bot.say("yes", "affirm")
    assert "Did you mean $50.00 or $60.00?" in again.text
    bot.press("Pay $60.00")
    bot.say("mastercard", "choose_method")
    assert quote_of(context, maya).amount_minor == 6000


def test_more_than_is_owed_is_allowed_and_its_excess_named_as_credit(people: People, maya: Account) -> None:
    quoted = people.talk(maya).say("pay 500 with the mastercard", "pay")
    assert "$47.90 of it is more than you owe and stays on your account as a credit." in quoted.text
    assert quoted.card["credit"]["minor"] == 4790


def test_a_yes_takes_the_amount_that_was_proposed(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    assert "How would you like to pay $452.10?" in bot.say("yes", "affirm").text


def test_a_no_asks_for_another_amount(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    assert bot.say("no", "deny").text == "How much would you like to pay?"
    assert "I did not get an amount" in bot.say("another one", "inform_amount").text


def test_the_button_for_another_amount_asks_for_it(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    assert bot.press("Another amount").text == "How much would you like to pay?"


def test_two_misunderstandings_offer_help_and_a_person(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    first = bot.say("abc", "nlu_fallback")
    assert "I did not get an amount there." in first.text
    assert "Talk to a person" not in first.buttons
    second = bot.say("xyz", "nlu_fallback")
    assert {"What can you do?", "Talk to a person"} <= second.buttons.keys()
    bot.say("50", "inform_amount")
    assert "Talk to a person" not in bot.say("abc", "nlu_fallback").buttons


# ------------------------------------------------------------------------------------- credit, nothing, 240 of it


def test_nothing_is_proposed_to_a_customer_with_a_credit(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session)
        a_credit(session, account, "35.00")
    bot = people.talk(account)
    told = bot.say("pay my bill", "pay")
    assert "−$35.00 (credit), so there is nothing to pay" in told.text
    assert not told.buttons
    assert bot.loop is None
    bot.say("50", "inform_amount")
    quoted = bot.say("the visa", "choose_method")
    assert "You owe nothing now, so all of it stays on your account as a credit." in quoted.text


def test_240_invoices_are_counted_not_listed(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session)
        for n in range(240):
            an_invoice(session, account, "10.00", due_days=n - 100, number=f"INV-{2000 + n}")
    quoted = people.talk(account).say("pay 2395 with the visa", "pay")
    assert "239 invoices (INV-2000 to INV-2238) in full and $5.00 of INV-2239, which leaves $5.00" in quoted.text
    assert len(quoted.text) < 400
    assert (len(quoted.card["invoices"]), quoted.card["more_invoices"]) == (12, 228)


# ------------------------------------------------------------------------------------------------------- methods


def test_a_card_that_is_not_saved_is_asked_again(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay 50", "pay")
    asked = bot.say("visa ending 9999", "choose_method")
    assert "I did not get which one." in asked.text


def test_two_cards_of_a_brand_are_asked_about(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay 50", "pay")
    asked = bot.say("the visa", "choose_method")
    assert [m["last4"] for m in asked.card["methods"]] == ["4242", "0002"]
    assert "to your Visa ending 0002" in bot.say("the second one", "choose_method").text


def test_cards_with_the_same_ending_show_their_expiry(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session, method=False)
        an_invoice(session, account, "10.00")
        a_method(session, account, exp=(4, 2027))
        a_method(session, account, exp=(9, 2029))
    asked = people.talk(account).say("pay it all", "pay")
    titles = list(asked.buttons)
    assert titles[:2] == ["Visa ending 4242, expires 04/27", "Visa ending 4242, expires 09/29"]


def test_an_expired_card_cannot_be_quoted(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session, method=False)
        an_invoice(session, account, "10.00")
        a_method(session, account, exp=(1, 2024))
        a_method(session, account, brand="mastercard", last4="4444")
    asked = people.talk(account).say("pay it all with the visa", "pay")
    assert "Visa ending 4242 cannot be used any more." in asked.text
    assert [m["last4"] for m in asked.card["methods"]] == ["4444"]


def test_a_new_card_gets_a_link_to_the_secure_page(people: People, maya: Account, context: Context) -> None:
    bot = people.talk(maya)
    bot.say("pay 50", "pay")
    linked = bot.press("A new card")
    assert "Nothing is charged until you press Pay there." in linked.text
    assert linked.card["url"].startswith(f"{context.settings.public_url}/pay/")
    quote = quote_of(context, maya)
    assert (quote.method_id, quote.amount_minor, quote.channel) == (None, 5000, "page")
    assert bot.loop is None
    with context.sessions() as session:
        link = session.scalars(select(PayLink).where(PayLink.account_id == maya.id)).one()
        assert link.quote_id == quote.id
        assert link.token_hash not in linked.text


def test_without_a_saved_card_the_amount_leads_straight_to_the_secure_page(people: People, context: Context) -> None:
    with context.sessions.begin() as session:
        account = an_account(session, method=False)
        an_invoice(session, account, "61.33")
    bot = people.talk(account)
    bot.say("pay my bill", "pay")
    linked = bot.press("Pay $61.33")
    assert linked.text.startswith("You have no saved card.")
    assert linked.card["type"] == "link"


def test_a_new_amount_after_the_link_gets_a_new_link(people: People, maya: Account, context: Context) -> None:
    bot = people.talk(maya)
    bot.say("pay 50 with a new card", "add_card")
    linked = bot.say("make it 60", "inform_amount")
    assert linked.card["type"] == "link"
    assert quote_of(context, maya).amount_minor == 6000


def test_after_a_payment_on_the_page_a_new_one_begins_afresh(people: People, maya: Account, context: Context) -> None:
    bot = people.talk(maya)
    bot.say("pay 50 with a new card", "add_card")
    pay(context, maya, "60.00")  # the page made a quote of its own
    assert "How would you like to pay $10.00?" in bot.say("pay 10", "pay").text


def test_a_saved_card_after_the_link_is_quoted(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay 50 with a new card", "add_card")
    assert "$50.00 to your Mastercard" in bot.say("use the mastercard instead", "choose_method").text


def test_a_typed_card_number_is_answered_with_the_secure_page(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay 50", "pay")
    answered = bot.say("⟦card⟧ 12/28", "nlu_fallback")
    assert "Please do not type card details here." in answered.text
    assert answered.card["type"] == "link"


# --------------------------------------------------------------------------------------------------- corrections


def test_a_new_amount_makes_a_new_quote(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people.talk(maya))
    before = quote_of(context, maya)
    assert "$50.00 to your Visa ending 4242" in bot.say("make it 50", "inform_amount").text
    after = quote_of(context, maya)
    assert (after.amount_minor, after.id != before.id) == (5000, True)


def test_a_bare_number_is_an_amount_and_never_a_yes(people: People, maya: Account, gateway: FakeGateway) -> None:
    bot = at_quote(people.talk(maya))
    assert "$50.00 to your Visa" in bot.say("50", "inform_amount").text
    assert "$50.00 to your Visa" in bot.say("50", "affirm").text
    assert not gateway.calls


@pytest.mark.parametrize("said", ["not that one", "the other card", "another card please"])
def test_another_card_is_asked_for_among_the_rest(people: People, maya: Account, said: str, context: Context) -> None:
    bot = at_quote(people.talk(maya))
    asked = bot.say(said, "choose_method")
    assert [m["last4"] for m in asked.card["methods"]] == ["4444", "0002"]
    assert not has_quote(context, maya)
    assert "$452.10 to your Mastercard" in bot.say("4444", "inform_amount").text


def test_buttons_of_the_quote_change_amount_and_card(people: People, maya: Account) -> None:
    bot = at_quote(people.talk(maya))
    bot.press("Another card")
    bot.press("Mastercard ending 4444")
    bot.press("Change the amount")
    assert "$60.00 to your Mastercard ending 4444" in bot.say("60", "inform_amount").text


def test_digits_of_a_saved_card_choose_it_at_the_quote(people: People, maya: Account) -> None:
    bot = at_quote(people.talk(maya))
    assert "$452.10 to your Mastercard ending 4444" in bot.say("4444", "inform_amount").text


def test_a_no_voids_the_quote_and_asks_what_to_change(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people.talk(maya))
    asked = bot.say("no", "deny")
    assert list(asked.buttons) == ["Change the amount", "Another card", "Cancel"]
    assert not has_quote(context, maya)
    assert "to your Visa ending 4242" in bot.say("yes", "affirm").text


def test_a_no_with_a_correction_is_a_correction(people: People, maya: Account) -> None:
    bot = at_quote(people.talk(maya))
    assert "$50.00 to your Visa" in bot.say("no, make it 50", "deny").text


@pytest.mark.parametrize(("intent", "answer"), [("cancel", "that is off"), ("goodbye", "Goodbye")])
def test_giving_up_voids_the_quote(people: People, maya: Account, context: Context, intent: str, answer: str) -> None:
    bot = at_quote(people.talk(maya))
    assert answer in bot.say("never mind", intent).text
    assert bot.loop is None
    assert not has_quote(context, maya)
    assert bot.slots["payment_amount"] is None


def test_starting_over_forgets_amount_and_card(people: People, maya: Account, context: Context) -> None:
    bot = at_quote(people.talk(maya))
    assert "Let us begin again." in bot.say("start over", "start_over").text
    assert not has_quote(context, maya)
    bot.say("50", "inform_amount")
    assert bot.last is not None
    assert "How would you like to pay $50.00?" in bot.last.text


# ----------------------------------------------------------------------------------------- questions in mid-flow


@pytest.mark.parametrize(
    ("intent", "answer"),
    [("balance", "Your balance is $452.10"), ("due_date", "INV-1003, $100.00, is due"), ("help", "You can ask"),
     ("history", "In the last 24 months"), ("human", "Your ticket is"), ("thanks", "You are welcome!"),
     ("not_offered", "Automatic, scheduled"), ("bot_challenge", "automatic assistant of Northwind Telecom")],
)  # fmt: skip
def test_a_question_at_the_quote_is_answered_and_the_quote_offered_again(
    people: People, maya: Account, context: Context, intent: str, answer: str
) -> None:
    bot = at_quote(people.talk(maya))
    before = quote_of(context, maya)
    told = bot.say("a question", intent)
    assert answer in told.messages[0]["text"]
    assert "$452.10 to your Visa ending 4242" in told.messages[1]["text"]
    assert not told.messages[0]["buttons"]
    assert quote_of(context, maya).id == before.id
    assert "was paid" in bot.say("yes", "affirm").text


def test_a_question_at_the_amount_is_answered_and_the_amount_asked_again(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    told = bot.say("what is overdue", "overdue")
    assert "INV-1001 and INV-1002" in told.messages[0]["text"]
    assert not told.messages[0]["buttons"]  # the question that follows has them
    assert "How much would you like to pay?" in told.messages[1]["text"]


def test_a_question_between_two_amounts_keeps_both(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    bot.say("50 or 60", "inform_amount")
    assert "Did you mean $50.00 or $60.00?" in bot.say("thanks", "thanks").messages[1]["text"]


def test_a_doubtful_question_that_answers_ours_is_an_answer(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    assert "How would you like to pay $352.10?" in bot.say("just the overdue part", "overdue", 0.5).text


def test_an_expired_quote_is_made_anew_after_a_question(
    people: People, maya: Account, context: Context, clock: Clock
) -> None:
    bot = at_quote(people.talk(maya))
    before = quote_of(context, maya)
    clock.forward(minutes=6)
    bot.say("what do I owe", "balance")
    assert quote_of(context, maya).id != before.id


def test_asking_to_hear_it_again_repeats_the_question(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    first = bot.say("pay my bill", "pay")
    assert bot.say("say that again", "repeat").text == first.text


def test_the_language_changes_in_mid_flow(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay my bill", "pay")
    told = bot.say("en français s'il vous plaît", "change_language")
    assert told.messages[0]["text"] == "Très bien, en français à partir d’ici."
    assert told.messages[1]["text"].startswith("Vous devez 452,10\xa0$")


# ----------------------------------------------------------------------------------- a payment that is under way


def test_no_second_payment_while_one_is_pending(
    people: People, maya: Account, context: Context, gateway: FakeGateway, tokens: dict[str, str]
) -> None:
    gateway.behaviours[tokens["4242"]] = "processing"
    pay(context, maya, "84.20")
    told = people.talk(maya).say("pay my bill", "pay")
    assert "A payment of $84.20 from November 22, 2026 at 10:00\xa0a.m. is not decided yet." in told.text


def test_a_quote_paid_elsewhere_ends_the_form(
    people: People, maya: Account, context: Context, gateway: FakeGateway
) -> None:
    bot = at_quote(people.talk(maya))
    old = dict(bot.last.buttons) if bot.last else {}
    other = people.talk(maya)
    other.slots, other.loop, other.last = dict(bot.slots), bot.loop, bot.last
    other.press_again(old["Pay $452.10 now"])  # the button of the first tab's quote, pressed by its owner elsewhere
    told = bot.say("the mastercard", "choose_method")
    assert "was paid" in told.text
    assert bot.loop is None
    assert len(gateway.charges()) == 1


def test_nobody_is_served_after_the_session_ended(people: People, maya: Account, clock: Clock) -> None:
    bot = at_quote(people.talk(maya))
    clock.forward(days=2)
    told = bot.say("make it 50", "inform_amount")
    assert "Your session is over." in told.text
    assert bot.loop is None


@pytest.mark.parametrize("text", ["4444 please", "no wait, 4444", "uh, 4444!"])
@pytest.mark.parametrize("intent", ["inform_amount", "choose_method", "deny"])
def test_four_digits_that_choose_a_card_are_not_its_price_as_well(
    people: People, maya: Account, text: str, intent: str
) -> None:
    bot = people.talk(maya)
    bot.say("pay 100", "pay")
    assert "$100.00 to your Mastercard ending 4444" in bot.say(text, intent).text
    bot.press("Another card")
    bot.press("Visa ending 4242")
    assert "$100.00 to your Mastercard ending 4444" in bot.say(text, intent).text


def test_a_sum_that_looks_like_a_card_stays_a_sum(people: People, maya: Account) -> None:
    bot = people.talk(maya)
    bot.say("pay 100 with the visa ending 4242", "pay")
    assert "$4,444.00 to your Visa ending 4242" in bot.say("make it $4444", "inform_amount").text
