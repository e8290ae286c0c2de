"""The secure page: shows what Pay would do, charges what it showed, once, and says what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from billing.database import SessionFactory
from billing.models import Account, Attempt, Consent, PayLink, Payment, PaymentMethod, PortalUser, Quote
from billing.pay_links import create_pay_link
from billing.payments import start_payment
from tests.billing.builders import a_consent, a_method, a_quote, pay
from tests.support.fake_bot import FakeBot
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import Customer, RunningClock, answer_of, error_of

ADDRESS = {
    **{"name": "Maya Tremblay", "line1": "1 Main St", "line2": "Apt 2", "city": "Ottawa", "region": "ON"},
    **{"postal_code": "k1a0b1", "country": "CA"},
}
MakeLink = Callable[..., str]


@pytest.fixture
def make_link(sessions: SessionFactory, account: Account, user: PortalUser, clock: RunningClock) -> MakeLink:
    """`make_link()`: a link as the engine's fixed reply makes it; `quote_id=` and `purpose=` as the actions do."""

    def make(**more: Any) -> str:
        values = {"sender": None, "channel": "chat", "language": "en", "purpose": "pay", "ttl_s": 900} | more
        with sessions.begin() as session:
            return create_pay_link(
                session, account_id=account.id, portal_user_id=user.id, now=clock(), **values
            )  # fmt: skip

    return make


def ask(client: FlaskClient, token: str, amount: str = "352.10", owed_minor: int = 35_210) -> Any:
    """The page's question: a quote for what is typed, on the page that shows `owed_minor`."""
    return client.post(f"/pay/{token}/quote", json={"amount": amount, "owed_minor": owed_minor})


def quoted(client: FlaskClient, token: str, amount: str = "352.10", owed_minor: int = 35_210) -> dict[str, Any]:
    return answer_of(ask(client, token, amount, owed_minor))


def press_pay(client: FlaskClient, link: str, quote: str, /, *, card: str = "tok_visa", **more: Any) -> Any:
    body = {"quote_id": quote, "token": card, "address": ADDRESS, "email": "bills@northwind.example"} | more
    return client.post(f"/pay/{link}", json=body)


def paid(client: FlaskClient, token: str, amount: str = "352.10", **more: Any) -> dict[str, Any]:
    return answer_of(press_pay(client, token, quoted(client, token, amount)["quote"]["id"], **more))


def test_too_many_tries_are_told_as_such_counted_and_leave_the_page_good(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    for n in range(5):
        gateway.behaviours[f"tok_{n}"] = "declined"
        assert paid(client, make_link(), "1.00", card=f"tok_{n}")["state"] == "declined"
    calls, token = len(gateway.calls), make_link()
    for _ in range(2):
        response = press_pay(client, token, quoted(client, token, "1.00")["quote"]["id"], card="tok_6")
        assert error_of(response) == (429, "too_many_tries")
        assert 0 < int(response.headers["Retry-After"]) <= 3660
        message = response.get_json()["error"]["message"]
        assert "Nothing was charged" in message and "declined" not in message and ".m." in message
    assert len(gateway.calls) == calls
    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'remit_tries_refused_total{channel="page",limit="account"} 2.0' in metrics
    with sessions() as session:
        assert session.scalars(select(Consent.address).distinct()).all() == ["127.0.0.1"]


# --------------------------------------------------------------------------------------------------------- shows


def test_page_shows_amount_address_and_email_and_leaves_the_save_box_empty(
    client: FlaskClient, make_link: MakeLink, user: PortalUser
) -> None:
    html = client.get(f"/pay/{make_link()}").get_data(as_text=True)
    assert 'value="352.10"' in html
    assert 'value="K1A 0B1"' in html
    assert f'value="{user.email}"' in html
    assert re.search(r'<input type="checkbox" id="save"(?![^>]*checked)', html)
    assert '"fields": {"kind": "sandbox", "url": "http://127.0.0.1:9/fields?lang=en' in html


def test_page_speaks_french(client: FlaskClient, make_link: MakeLink) -> None:
    html = client.get(f"/pay/{make_link(language='fr')}").get_data(as_text=True)
    assert '<html lang="fr">' in html
    assert "Montant à payer" in html
    assert "352,10" in html


def test_page_may_do_little_and_be_framed_by_few(make_app: Callable[..., Flask], make_link: MakeLink) -> None:
    client = make_app(allowed_origins="https://my.northwind.example").test_client()
    response = client.get(f"/pay/{make_link()}")
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    nonce = re.search(r'nonce="([\w-]{20,})"', response.get_data(as_text=True))
    assert nonce is not None
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == f"'nonce-{nonce[1]}'"
    assert policy["frame-src"] == "http://127.0.0.1:9"
    assert policy["frame-ancestors"] == "'self' http://127.0.0.1:8000 https://my.northwind.example"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert (
        client.get(f"/pay/{make_link()}").headers["Content-Security-Policy"]
        != response.headers["Content-Security-Policy"]
    )


def test_page_holds_no_inline_script_or_style(client: FlaskClient, make_link: MakeLink) -> None:
    html = client.get(f"/pay/{make_link()}").get_data(as_text=True)
    assert not re.search(r"\sstyle=|\son\w+=|<style", html)
    assert all("nonce=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_opening_makes_no_quote_and_spends_nothing(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory, account: Account, app: Flask
) -> None:
    context = app.extensions["remit"].context
    with sessions.begin() as session:
        mine = a_quote(session, account, settings=context.settings, now=context.now())
    token = make_link()
    for _ in range(3):
        assert client.get(f"/pay/{token}").status_code == 200
        assert client.head(f"/pay/{token}").status_code == 200
    with sessions() as session:
        assert session.get_one(Quote, mine.id).state == "open"
        assert session.scalars(select(PayLink)).one().spent_at is None


def test_names_are_escaped(client: FlaskClient, make_link: MakeLink, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        session.execute(text("""update accounts set billing_address = '{"name": "</script><script>alert(1)//\\""}'"""))
    html = client.get(f"/pay/{make_link()}").get_data(as_text=True)
    assert "<script>alert" not in html


# -------------------------------------------------------------------------------------------------------- quotes


def test_another_amount_is_quoted_with_its_allocation_and_consent(client: FlaskClient, make_link: MakeLink) -> None:
    answer = quoted(client, make_link(), "$250")
    assert answer["quote"]["amount"]["text"] == "$250.00"
    assert [(i["number"], i["amount"]["minor"], i["left"]["minor"]) for i in answer["quote"]["invoices"]] == [
        ("INV-1", 20000, 0),
        ("INV-2", 5000, 10210),
    ]
    assert "$250.00" in answer["consent"]
    assert "INV-1" in answer["consent"]
    assert "credit" not in answer["consent"]


def test_more_than_is_owed_names_the_credit_before_pay(client: FlaskClient, make_link: MakeLink) -> None:
    answer = quoted(client, make_link(), "400")
    assert answer["quote"]["credit"]["text"] == "$47.90"
    assert "$47.90 is more than you owe" in answer["consent"]


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "amount_not_positive"),
        ("-5", "amount_not_positive"),
        ("abc", "amount_unreadable"),
        ("10.005", "amount_unreadable"),
        ("999999999", "amount_too_large"),
    ],
)
def test_impossible_amount_is_refused_and_the_page_goes_on(
    client: FlaskClient, make_link: MakeLink, amount: str, code: str
) -> None:
    token = make_link()
    assert error_of(ask(client, token, amount)) == (422, code)
    assert quoted(client, token)


def test_typed_yes_in_the_chat_never_means_the_page(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory, maya: Customer, bot: FakeBot
) -> None:
    from billing.quotes import last_delivered

    maya.says("hello")
    sender = bot.turns[0]["sender"]
    quoted(client, make_link(sender=sender))
    with sessions() as session:
        assert last_delivered(session, sender) is None


# ----------------------------------------------------------------------------------------------------------- pay


def test_pay_charges_the_quote_with_the_new_card(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    outcome = paid(client, make_link())
    assert outcome["state"] == "succeeded"
    assert outcome["reference"] in outcome["message"]
    assert outcome["retry"] is None
    (charge,) = gateway.charges()
    order = gateway.orders[charge.id]
    assert (order.amount.minor, order.token, order.save) == (35210, "tok_visa", False)
    assert (order.details.email, order.details.address["postal_code"]) == ("bills@northwind.example", "K1A 0B1")
    with sessions() as session:
        assert session.scalars(select(Payment)).one().billing_email == "bills@northwind.example"


def test_consent_is_the_sentence_beside_the_button(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory, user: PortalUser
) -> None:
    token = make_link()
    shown = quoted(client, token)
    answer_of(press_pay(client, token, shown["quote"]["id"]))
    with sessions() as session:
        consent = session.scalars(select(Consent)).one()
        assert consent.said == shown["consent"] == session.get_one(Quote, consent.quote_id).said
    assert (consent.channel, consent.portal_user_id) == ("page", user.id)


def test_card_is_saved_only_when_asked(client: FlaskClient, make_link: MakeLink, sessions: SessionFactory) -> None:
    paid(client, make_link(), "20")
    link = make_link()
    answer_of(press_pay(client, link, quoted(client, link, "20", 33_210)["quote"]["id"], card="tok_keep", save=True))
    with sessions() as session:
        assert [a.save_method for a in session.scalars(select(Attempt).order_by(Attempt.id))] == [False, True]


def test_link_is_spent_at_pay_and_then_says_how_the_payment_stands(client: FlaskClient, make_link: MakeLink) -> None:
    token = make_link()
    outcome = paid(client, token)
    page = client.get(f"/pay/{token}")
    assert page.status_code == 200
    assert outcome["reference"] in page.get_data(as_text=True)
    assert error_of(ask(client, token, "10")) == (410, "link_spent")


def test_pay_pressed_twice_charges_once_and_answers_twice(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway
) -> None:
    token = make_link()
    quote_id = quoted(client, token)["quote"]["id"]
    first = answer_of(press_pay(client, token, quote_id))
    assert answer_of(press_pay(client, token, quote_id)) == first
    assert len(gateway.charges()) == 1


def test_pay_pressed_many_times_at_once_charges_once(
    app: Flask, client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    token = make_link()
    quote_id = quoted(client, token)["quote"]["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: press_pay(app.test_client(), token, quote_id), range(8)))
    assert any(a.status_code == 200 for a in answers)
    assert {error_of(a) for a in answers if a.status_code != 200} <= {(410, "link_spent")}
    assert len(gateway.charges()) == 1
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Payment)) == 1


def test_two_pages_of_one_account_charge_once(client: FlaskClient, make_link: MakeLink, gateway: FakeGateway) -> None:
    one, other = make_link(), make_link()
    first = quoted(client, one)["quote"]["id"]
    second = quoted(client, other)["quote"]["id"]
    late = press_pay(client, one, first)
    assert error_of(late) == (409, "quote_replaced")
    assert late.get_json()["proposed"] == "352.10"
    assert answer_of(press_pay(client, other, second))["state"] == "succeeded"
    assert len(gateway.charges()) == 1
    again = quoted(client, one, "10", owed_minor=0)  # the refused page's link is still good
    assert again["quote"]["credit"]["minor"] == 1000


@pytest.mark.parametrize(("behaviour", "words"), [("declined", "has been declined"), ("unreachable", "charged")])
def test_what_was_not_charged_can_be_tried_again_with_another_card(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, behaviour: Any, words: str
) -> None:
    gateway.behaviours["tok_bad"] = behaviour
    outcome = paid(client, make_link(), "250", card="tok_bad")
    assert words in outcome["message"]
    html = client.get(outcome["retry"]).get_data(as_text=True)
    assert 'value="250.00"' in html  # the amount is kept
    assert 'id="notice" role="status" hidden' in html
    again = outcome["retry"].removeprefix("/pay/")
    assert paid(client, again, "250")["state"] == "succeeded"


def test_pending_payment_blocks_other_pages(client: FlaskClient, make_link: MakeLink, gateway: FakeGateway) -> None:
    gateway.behaviours["tok_slow"] = "processing"
    other = make_link()
    outcome = paid(client, make_link(), card="tok_slow")
    assert (outcome["state"], outcome["retry"]) == ("processing", None)
    html = client.get(f"/pay/{other}").get_data(as_text=True)
    assert "$352.10" in html
    assert '<form id="form" novalidate hidden>' in html
    assert error_of(ask(client, other, "10")) == (409, "payment_under_way")


def test_lost_answer_of_the_bank_is_never_a_decline(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway
) -> None:
    gateway.behaviours["tok_lost"] = "charged_but_lost"
    outcome = paid(client, make_link(), card="tok_lost")
    assert (outcome["state"], outcome["retry"]) == ("unknown", None)
    assert "do not pay again" in outcome["message"].lower()


def test_step_at_the_bank_is_linked(client: FlaskClient, make_link: MakeLink, gateway: FakeGateway) -> None:
    gateway.behaviours["tok_3ds"] = "requires_action"
    outcome = paid(client, make_link(), card="tok_3ds")
    assert outcome["state"] == "requires_action"
    assert outcome["action_url"]


def test_chat_is_told_by_the_worker(
    client: FlaskClient, make_link: MakeLink, maya: Customer, bot: FakeBot, sessions: SessionFactory
) -> None:
    maya.says("hello")
    paid(client, make_link(sender=bot.turns[0]["sender"]))
    with sessions() as session:
        jobs = session.execute(text("select args from procrastinate_jobs where task_name = 'announce_payment'")).all()
    assert [job[0]["state"] for job in jobs] == ["succeeded"]


# ------------------------------------------------------------------------------------- what changed in the meantime


@pytest.fixture
def context(app: Flask) -> Any:
    return app.extensions["remit"].context


def test_page_open_while_the_chat_pays_with_another_card(
    client: FlaskClient, make_link: MakeLink, account: Account, context: Any, gateway: FakeGateway
) -> None:
    token = make_link()
    shown = quoted(client, token)["quote"]["id"]
    pay(context, account)
    late = press_pay(client, token, shown)
    assert error_of(late) == (409, "quote_replaced")
    assert late.get_json()["proposed"] == ""
    assert len(gateway.charges()) == 1
    html = client.get(f"/pay/{token}").get_data(as_text=True)
    assert "Something changed in the meantime" in html
    assert "$0.00" in html


def test_a_bill_paid_meanwhile_is_not_paid_again_in_advance(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway
) -> None:
    """Two tabs: the second still shows the bill, and its Pay would only make a credit of the whole amount."""
    one, other = make_link(), make_link()
    assert paid(client, one)["state"] == "succeeded"
    late = ask(client, other)
    assert error_of(late) == (409, "quote_outdated")
    told = late.get_json()
    assert (told["proposed"], told["owed"]["minor"], told["owed"]["text"]) == ("", 0, "$0.00")
    assert len(gateway.charges()) == 1
    in_advance = quoted(client, other, "20.00", owed_minor=0)  # by somebody who sees that nothing is owed
    assert in_advance["quote"]["credit"]["minor"] == 2_000


def test_quote_of_the_chat_is_taken_over_by_its_page(
    client: FlaskClient, make_link: MakeLink, account: Account, context: Any, sessions: SessionFactory
) -> None:
    with sessions.begin() as session:
        from_chat = a_quote(session, account, "250.00", new_card=True, settings=context.settings, now=context.now())
    token = make_link(quote_id=from_chat.id)
    assert 'value="250.00"' in client.get(f"/pay/{token}").get_data(as_text=True)
    assert answer_of(press_pay(client, token, str(from_chat.id)))["state"] == "succeeded"


def test_quote_already_paid_on_another_page_answers_with_that_payment(
    client: FlaskClient, make_link: MakeLink, account: Account, context: Any, sessions: SessionFactory,
    gateway: FakeGateway,
) -> None:  # fmt: skip
    with sessions.begin() as session:
        shared = a_quote(session, account, new_card=True, settings=context.settings, now=context.now())
    one, other = make_link(quote_id=shared.id), make_link(quote_id=shared.id)
    first = answer_of(press_pay(client, one, str(shared.id)))
    assert answer_of(press_pay(client, other, str(shared.id)))["reference"] == first["reference"]
    assert len(gateway.charges()) == 1


def test_page_that_was_open_too_long_asks_once_more(
    client: FlaskClient, make_link: MakeLink, clock: RunningClock, gateway: FakeGateway
) -> None:
    token = make_link(ttl_s=3600)
    shown = quoted(client, token)["quote"]["id"]
    clock.forward(minutes=16)
    assert error_of(press_pay(client, token, shown)) == (409, "quote_expired")
    assert gateway.charges() == []
    assert paid(client, token)["state"] == "succeeded"


def test_invoices_that_changed_are_shown_before_anything_is_charged(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory, gateway: FakeGateway, account: Account
) -> None:
    from tests.billing.builders import an_invoice

    token = make_link()
    shown = quoted(client, token)["quote"]["id"]
    with sessions.begin() as session:
        an_invoice(session, account, "30.00", due_days=-90)
    late = press_pay(client, token, shown)
    assert error_of(late) == (409, "quote_outdated")
    assert late.get_json()["proposed"] == "382.10"
    assert gateway.charges() == []


def test_quote_for_a_saved_card_cannot_be_paid_on_the_page(
    client: FlaskClient, make_link: MakeLink, account: Account, context: Any, sessions: SessionFactory,
    gateway: FakeGateway,
) -> None:  # fmt: skip
    with sessions.begin() as session:
        saved = a_quote(session, account, settings=context.settings, now=context.now())
    assert error_of(press_pay(client, make_link(), str(saved.id))) == (409, "quote_replaced")
    assert gateway.charges() == []


def test_quote_of_another_account_cannot_be_paid(
    client: FlaskClient, make_link: MakeLink, context: Any, sessions: SessionFactory, gateway: FakeGateway
) -> None:
    from tests.billing.builders import an_account, an_invoice

    with sessions.begin() as session:
        stranger = an_account(session)
        an_invoice(session, stranger, "5.00")
        theirs = a_quote(session, stranger, new_card=True, settings=context.settings, now=context.now())
    assert error_of(press_pay(client, make_link(), str(theirs.id))) == (409, "quote_replaced")
    assert gateway.charges() == []


# --------------------------------------------------------------------------------------------- links, and nonsense


def test_link_dies_with_its_time(client: FlaskClient, make_link: MakeLink, clock: RunningClock) -> None:
    token = make_link()
    clock.forward(minutes=16)
    page = client.get(f"/pay/{token}", headers={"Accept": "text/html"})
    assert page.status_code == 410
    assert "nothing was charged" in page.get_data(as_text=True)
    assert error_of(ask(client, token, "10")) == (410, "link_expired")


def test_other_sites_cannot_press_pay(client: FlaskClient, make_link: MakeLink, gateway: FakeGateway) -> None:
    token = make_link()
    quote_id = quoted(client, token)["quote"]["id"]
    body = {"quote_id": quote_id, "token": "tok_visa", "address": ADDRESS, "email": "a@b.ca"}
    for site in ("cross-site", "same-site"):
        response = client.post(f"/pay/{token}", json=body, headers={"Sec-Fetch-Site": site})
        assert error_of(response) == (403, "forbidden")
    assert client.post(f"/pay/{token}", data=body).status_code == 415
    assert gateway.charges() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "4242424242424242 "}, "bad_field"),
        ({"token": ""}, "bad_field"),
        ({"token": None}, "bad_field"),
        ({"quote_id": "1"}, "bad_field"),
        ({"quote_id": None}, "bad_field"),
        ({"save": "perhaps"}, "bad_field"),
        ({"amount": "1.00"}, "bad_field"),
        ({"address": {}}, "bad_field"),
        ({"address": ADDRESS | {"extra": "x"}}, "bad_field"),
        ({"address": ADDRESS | {"city": "\x00"}}, "address_wrong"),
        ({"email": "nobody"}, "address_wrong"),
    ],
)
def test_nonsense_charges_nothing_and_costs_nothing(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, changes: dict[str, Any], code: str
) -> None:
    token = make_link()
    quote_id = quoted(client, token)["quote"]["id"]
    assert error_of(press_pay(client, token, quote_id, **changes)) == (422, code)
    assert gateway.charges() == []
    assert answer_of(press_pay(client, token, quote_id))["state"] == "succeeded"


# ------------------------------------------------------------------------------------------------ a saved method


@pytest.fixture
def method(sessions: SessionFactory, account: Account, gateway: FakeGateway) -> PaymentMethod:
    from billing.gateways.base import MethodInfo

    gateway.save_method("cus_100200", MethodInfo("pm_edit", "card", "mastercard", "4444"))
    with sessions.begin() as session:
        return a_method(session, account, reference="pm_edit", brand="mastercard", last4="4444")


def test_address_and_email_of_a_saved_method_are_edited(
    client: FlaskClient, make_link: MakeLink, method: PaymentMethod, sessions: SessionFactory, maya: Customer,
    bot: FakeBot,
) -> None:  # fmt: skip
    maya.says("hello")
    token = make_link(purpose="edit_method", method_id=method.id, sender=bot.turns[0]["sender"])
    html = client.get(f"/pay/{token}").get_data(as_text=True)
    assert "Mastercard ending 4444" in html
    assert 'id="amount"' not in html
    saved = answer_of(client.post(f"/pay/{token}", json={"address": ADDRESS, "email": "new@northwind.example"}))
    assert saved["state"] == "saved"
    with sessions() as session:
        kept = session.get_one(PaymentMethod, method.id)
        assert (kept.billing_email, kept.billing_address["line2"]) == ("new@northwind.example", "Apt 2")
    assert "4444" in maya.history()["entries"][-1]["payload"]["text"]
    again = client.post(f"/pay/{token}", json={"address": ADDRESS, "email": "x@y.ca"})
    assert error_of(again) == (410, "link_spent")


def test_bank_that_is_down_keeps_the_link_good(
    client: FlaskClient, make_link: MakeLink, method: PaymentMethod, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    token = make_link(purpose="edit_method", method_id=method.id)
    gateway.fail_next("update_method", "unreachable")
    form = {"address": ADDRESS, "email": "new@northwind.example"}
    assert error_of(client.post(f"/pay/{token}", json=form)) == (503, "gateway_down")
    with sessions() as session:
        assert session.get_one(PaymentMethod, method.id).billing_email is None
    assert answer_of(client.post(f"/pay/{token}", json=form))["state"] == "saved"


def test_link_to_edit_cannot_pay(client: FlaskClient, make_link: MakeLink, method: PaymentMethod) -> None:
    token = make_link(purpose="edit_method", method_id=method.id)
    assert error_of(ask(client, token, "10")) == (404, "link_unknown")


def test_secret_of_the_link_is_nowhere_at_rest(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory
) -> None:
    token = make_link()
    paid(client, token)
    with sessions() as session:
        rows = session.execute(text("select row_to_json(l)::text from pay_links l")).scalars().all()
        assert token not in "".join(rows)


def test_consent_of_the_chat_is_not_the_pages(
    client: FlaskClient, make_link: MakeLink, account: Account, context: Any, sessions: SessionFactory
) -> None:
    """A yes given to the page's quote without a card charges nothing: the quote itself says that a card is missing."""
    from billing.errors import QuoteOutdated

    quote_id = quoted(client, make_link())["quote"]["id"]
    with pytest.raises(QuoteOutdated):
        start_payment(context, quote_id, a_consent())
