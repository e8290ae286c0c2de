"""Oldest first, as properties: whatever the invoices and the amount, not one cent is lost or jumps the queue."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.allocation import OpenInvoice, Share, allocate_oldest_first, plan
from billing.money import Money, total
from tests.billing.builders import TODAY, cad


def minor(amount: int) -> Money:
    return Money(amount, "CAD")


def an_invoice(id: int, open: str, *, due: date = TODAY) -> OpenInvoice:
    return OpenInvoice(id, f"INV-{id}", due, cad(open))


@st.composite
def invoices(draw: st.DrawFn) -> list[OpenInvoice]:
    """Any number of open invoices in any order, many of them due on one day."""
    ids = draw(st.lists(st.integers(1, 50), unique=True, max_size=12))
    return [
        OpenInvoice(
            id_,
            f"INV-{id_}",
            TODAY + timedelta(days=draw(st.integers(-3, 3))),
            minor(draw(st.integers(1, 500))),
        )
        for id_ in ids
    ]


amounts = st.integers(0, 3_000).map(minor)
firsts = st.none() | st.integers(1, 50)


def left(invoices: list[OpenInvoice], *shares: list[Share]) -> dict[int, int]:
    """Minor units still open by invoice, once the shares are taken off."""
    rest = {invoice.id: invoice.open.minor for invoice in invoices}
    for share in (share for some in shares for share in some):
        rest[share.invoice_id] -= share.amount.minor
    return rest


def in_order(invoices: list[OpenInvoice]) -> list[int]:
    return [invoice.id for invoice in sorted(invoices, key=lambda i: (i.due_on, i.id))]


def test_the_example_of_the_demo() -> None:
    old, middle, new = (
        an_invoice(1, "200.00", due=TODAY - timedelta(60)),
        an_invoice(2, "152.10", due=TODAY - timedelta(30)),
        an_invoice(3, "100.00", due=TODAY + timedelta(5)),
    )
    shares, excess = allocate_oldest_first(cad("300.00"), [new, old, middle])
    assert shares == [
        Share(1, "INV-1", cad("200.00"), cad("0.00")),
        Share(2, "INV-2", cad("100.00"), cad("52.10")),
    ]
    assert excess == cad("0.00")


def test_a_named_invoice_comes_before_the_oldest() -> None:
    old, new = an_invoice(1, "200.00", due=TODAY - timedelta(60)), an_invoice(3, "100.00")
    shares, excess = allocate_oldest_first(cad("120.00"), [old, new], first=3)
    assert [(share.invoice_id, share.amount) for share in shares] == [(3, cad("100.00")), (1, cad("20.00"))]
    assert not excess


def test_nothing_open_makes_everything_excess() -> None:
    assert allocate_oldest_first(cad("9.99"), []) == ([], cad("9.99"))


@given(amounts, invoices(), firsts)
def test_every_cent_is_a_share_or_excess(amount: Money, open_: list[OpenInvoice], first: int | None) -> None:
    shares, excess = allocate_oldest_first(amount, open_, first)
    assert total((share.amount for share in shares), "CAD") + excess == amount
    assert excess.minor >= 0
    assert all(share.amount.minor > 0 for share in shares)


@given(amounts, invoices(), firsts)
def test_no_invoice_takes_more_than_is_open_and_none_takes_twice(
    amount: Money, open_: list[OpenInvoice], first: int | None
) -> None:
    shares, excess = allocate_oldest_first(amount, open_, first)
    rest = left(open_, shares)
    assert all(minor_left >= 0 for minor_left in rest.values())
    assert len({share.invoice_id for share in shares}) == len(shares)
    assert all(share.left.minor == rest[share.invoice_id] for share in shares)
    assert not excess or not any(rest.values())


@given(amounts, invoices())
def test_nothing_goes_to_a_newer_invoice_while_an_older_one_stays_open(amount: Money, open_: list[OpenInvoice]) -> None:
    shares, _ = allocate_oldest_first(amount, open_)
    rest, took = left(open_, shares), {share.invoice_id for share in shares}
    for older, newer in pairwise(in_order(open_)):
        assert not (newer in took and rest[older])


@given(amounts, invoices(), st.randoms(use_true_random=False))
def test_the_order_in_which_invoices_come_does_not_matter(
    amount: Money, open_: list[OpenInvoice], rng: random.Random
) -> None:
    shuffled = rng.sample(open_, len(open_))
    assert allocate_oldest_first(amount, open_) == allocate_oldest_first(amount, shuffled)


@given(amounts, invoices(), st.integers(51, 60))
def test_an_unknown_first_is_as_good_as_none(amount: Money, open_: list[OpenInvoice], first: int) -> None:
    assert allocate_oldest_first(amount, open_, first) == allocate_oldest_first(amount, open_)


@given(amounts, amounts, invoices())
def test_two_payments_in_turn_do_what_one_of_their_sum_does(one: Money, two: Money, open_: list[OpenInvoice]) -> None:
    at_once, excess = allocate_oldest_first(one + two, open_)
    first, rest_of_one = allocate_oldest_first(one, open_)
    rest = left(open_, first)
    still_open = [OpenInvoice(i.id, i.number, i.due_on, minor(rest[i.id])) for i in open_ if rest[i.id]]
    second, rest_of_two = allocate_oldest_first(two, still_open)
    assert left(open_, first, second) == left(open_, at_once)
    assert rest_of_one + rest_of_two == excess


# --------------------------------------------------------------------------------- a payment beside older credit


@given(amounts, amounts, invoices(), firsts)
def test_a_plan_loses_nothing_of_payment_or_credit(
    amount: Money, credit: Money, open_: list[OpenInvoice], first: int | None
) -> None:
    planned = plan(amount, credit, open_, first)
    paid = total((share.amount for share in planned.payment_shares), "CAD")
    used = total((share.amount for share in planned.credit_shares), "CAD")
    assert paid + planned.excess == amount
    assert used <= credit
    assert all(minor_left >= 0 for minor_left in left(open_, planned.payment_shares, planned.credit_shares).values())


@given(amounts, amounts, invoices(), firsts)
def test_no_money_lies_about_while_something_is_open(
    amount: Money, credit: Money, open_: list[OpenInvoice], first: int | None
) -> None:
    planned = plan(amount, credit, open_, first)
    used = total((share.amount for share in planned.credit_shares), "CAD")
    if any(left(open_, planned.payment_shares, planned.credit_shares).values()):
        assert not planned.excess and used == credit


@given(invoices(), amounts, firsts)
def test_paying_what_is_outstanding_makes_the_account_even(
    open_: list[OpenInvoice], credit: Money, first: int | None
) -> None:
    owed = total((invoice.open for invoice in open_), "CAD")
    planned = plan(max(owed - credit, minor(0)), credit, open_, first)
    assert not any(left(open_, planned.payment_shares, planned.credit_shares).values())


@given(amounts, amounts, invoices())
def test_credit_and_payment_together_go_oldest_first(amount: Money, credit: Money, open_: list[OpenInvoice]) -> None:
    planned = plan(amount, credit, open_)
    rest = left(open_, planned.payment_shares, planned.credit_shares)
    together, _ = allocate_oldest_first(amount + credit, open_)
    assert rest == left(open_, together)


@given(amounts, amounts, invoices(), st.data())
def test_a_named_invoice_is_paid_by_the_payment_itself(
    amount: Money, credit: Money, open_: list[OpenInvoice], data: st.DataObject
) -> None:
    if not open_:
        return
    named = data.draw(st.sampled_from(open_))
    planned = plan(amount, credit, open_, first=named.id)
    of_payment = {share.invoice_id: share.amount for share in planned.payment_shares if share.amount}
    assert of_payment.get(named.id, minor(0)) >= min(amount, named.open)
