"""The builders build what the services would."""

from __future__ import annotations

from billing.database import SessionFactory
from tests.billing import builders as b
from tests.support.fake_gateway import FakeGateway


def test_an_account_with_an_invoice_can_be_paid(sessions: SessionFactory) -> None:
    gateway = FakeGateway()
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "200.00", due_days=-60)
    payment = b.pay(b.a_context(sessions, gateway), account)
    assert (payment.state, payment.captured_minor, payment.allocated_minor) == ("succeeded", 20000, 20000)
    assert [str(charge.captured) for charge in gateway.charges()] == ["200.00 CAD"]
