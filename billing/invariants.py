"""What must hold in the books, one query each; a row that a query returns is a violation.

Numbers are those of docs/reliability.md. Held elsewhere, because the books cannot show them: 12 (in part) and 22 by the
protocol's code and the simulation; 13 and 14 against the gateway by reconciling; 19's words, 23, 24, 26 and 27 by the
edge and the assistant and their tests.
"""

# ruff: noqa: S608  (the queries are put together from constants of ours)

from __future__ import annotations

from dataclasses import dataclass

from billing.payment_states import EDGES


@dataclass(frozen=True, slots=True)
class Invariant:
    """`sql` returns one column: the rows that break it, as `table:id`."""

    number: str
    says: str
    sql: str


_EDGES = ", ".join(f"('{before}', '{after}')" for before, after in sorted(EDGES))

# Ledger amounts signed as balances: what the company is owed or holds is positive.
_SIGNED = "case e.direction when 'debit' then e.amount_minor else -e.amount_minor end"

# An account's payments as stretches of audit rows: from the yes to the end, which is null while it is open.
_STRETCHES = """
    select p.id, p.account_id, min(a.id) as began,
           min(a.id) filter (
               where a.after ->> 'state' in ('succeeded', 'declined', 'canceled', 'not_attempted')) as ended
      from payments p join audit a on a.entity = 'payment' and a.entity_id = p.id::text
     where p.gateway <> 'elsewhere'
     group by p.id
"""

INVARIANTS = (
    Invariant(
        "1",
        "Debits equal credits per currency per transaction.",
        f"""
        select 'ledger_transactions:' || e.transaction_id from ledger_entries e
         group by e.transaction_id, e.currency having sum({_SIGNED}) <> 0
        """,
    ),
    Invariant(
        "2",
        "Entries are append-only: the triggers that refuse changes are in place.",
        """
        select 'triggers:' || t.name
          from (values ('ledger_entries_append_only'), ('ledger_entries_balanced'),
                       ('audit_append_only'), ('consents_append_only')) as t(name)
         where not exists (select from pg_trigger g where g.tgname = t.name and g.tgenabled in ('O', 'A'))
        """,
    ),
    Invariant(
        "3",
        "Amounts are positive integers in minor units.",
        """
        select 'ledger_entries:' || id from ledger_entries where amount_minor <= 0
        union all select 'invoices:' || id from invoices where total_minor <= 0
        union all select 'quotes:' || id from quotes where amount_minor <= 0
        union all select 'payments:' || id from payments where amount_minor <= 0
        union all select 'credits:' || id from credits where amount_minor <= 0
        union all select 'refunds:' || id from refunds where amount_minor <= 0
        union all select 'disputes:' || id from disputes where amount_minor <= 0
        """,
    ),
    Invariant(
        "4",
        "Invoice total = applied + open + written off, open is not negative, applied is what its allocations say.",
        """
        select 'invoices:' || i.id
          from invoices i
          left join (select invoice_id, sum(amount_minor) as applied from allocations group by invoice_id) a
            on a.invoice_id = i.id
         where i.total_minor <> i.applied_minor + i.open_minor + i.written_off_minor
            or least(i.open_minor, i.applied_minor, i.written_off_minor) < 0
            or i.applied_minor <> coalesce(a.applied, 0)
        """,
    ),
    Invariant(
        "5",
        "Per payment: captured = allocated + unapplied + refunded + lost + suspense, each as its own rows say.",
        """
        select 'payments:' || p.id
          from payments p
          left join (select payment_id, sum(amount_minor) as s from allocations group by payment_id) a
            on a.payment_id = p.id
          left join (select payment_id, sum(remaining_minor) as s from credits group by payment_id) c
            on c.payment_id = p.id
          left join (select payment_id, sum(amount_minor) as s from refunds where state = 'succeeded'
                      group by payment_id) r
            on r.payment_id = p.id
          left join (select payment_id, sum(lost_minor) as s from disputes where state = 'lost'
                      group by payment_id) d
            on d.payment_id = p.id
         where p.captured_minor <> p.allocated_minor + p.unapplied_minor + p.refunded_minor + p.lost_minor
                                   + p.suspense_minor
            or least(p.captured_minor, p.allocated_minor, p.unapplied_minor, p.refunded_minor, p.lost_minor,
                     p.suspense_minor) < 0
            or p.allocated_minor <> coalesce(a.s, 0)
            or p.unapplied_minor <> coalesce(c.s, 0)
            or p.refunded_minor <> coalesce(r.s, 0)
            or p.lost_minor <> coalesce(d.s, 0)
        """,
    ),
    Invariant(
        "6",
        "No allocation crosses an account or a currency.",
        """
        select 'allocations:' || a.id
          from allocations a
          join invoices i on i.id = a.invoice_id
          left join payments p on p.id = a.payment_id
          left join credits c on c.id = a.credit_id
         where (a.account_id, a.currency) <> (i.account_id, i.currency)
            or (a.account_id, a.currency) <> (p.account_id, p.currency)
            or (a.account_id, a.currency) <> (c.account_id, c.currency)
        """,
    ),
    Invariant(
        "7",
        "Nothing went to a newer invoice by default while an older one stayed open.",
        # A moment is all that one settlement did: payment and credit are two transactions at one time. An invoice
        # that the quote named may be newer; one whose due day was changed afterwards was in another place then.
        f"""
        with balance as (
            select e.invoice_id, e.account_id, e.transaction_id,
                   sum({_SIGNED}) over through as open,
                   lead(e.transaction_id, 1, 9223372036854775807) over through as until
              from ledger_entries e where e.invoice_id is not null
            window through as (partition by e.invoice_id order by e.transaction_id, e.id)
        ), given as (
            select t.account_id, t.at, a.invoice_id, max(t.id) over (partition by t.account_id, t.at) as latest,
                   row_number() over (partition by t.account_id, t.at order by i.due_on desc, i.id desc) as place
              from allocations a
              join ledger_transactions t on t.id = a.transaction_id
              join invoices i on i.id = a.invoice_id
              left join payments p on p.id = t.payment_id
              left join quotes q on q.id = p.quote_id
             where a.amount_minor > 0 and q.invoice_id is distinct from a.invoice_id
        ), moved as (
            select entity_id, at from audit where entity = 'invoice' and after ? 'due_on'
        )
        select distinct 'invoices:' || n.id
          from given g
          join invoices n on n.id = g.invoice_id
          join balance b on b.account_id = g.account_id and b.transaction_id <= g.latest and b.until > g.latest
                        and b.open > 0
          join invoices o on o.id = b.invoice_id and (o.due_on, o.id) < (n.due_on, n.id)
         where g.place = 1
           and not exists (select from moved m where m.at >= g.at and m.entity_id in (n.id::text, o.id::text))
        """,
    ),
    Invariant(
        "8",
        "Refunds, lost disputes and what is held are no more than was captured; no refund or dispute stands for two.",
        """
        select 'payments:' || p.id
          from payments p
          left join (select payment_id, sum(amount_minor) as s from refunds where state <> 'failed'
                      group by payment_id) r
            on r.payment_id = p.id
          left join (select payment_id, sum(held_minor + lost_minor) as s from disputes group by payment_id) d
            on d.payment_id = p.id
         where coalesce(r.s, 0) + coalesce(d.s, 0) > p.captured_minor
        union all
        select 'disputes:' || id from disputes
         where (held_minor > 0 and state <> 'open') or (lost_minor > 0 and state <> 'lost')
            or greatest(held_minor, lost_minor) > amount_minor or least(held_minor, lost_minor) < 0
        union all
        select 'disputes:' || max(id) from disputes group by gateway_object_id having count(*) > 1
        union all
        select 'refunds:' || max(id) from refunds where gateway_object_id is not null
         group by gateway_object_id having count(*) > 1
        """,
    ),
    Invariant(
        "9",
        "Replaying the entries from zero gives the balances of invoices, credit, payments, disputes and write-offs.",
        f"""
        with replay as (
            select e.ledger_account, e.account_id, e.invoice_id, t.payment_id, e.currency, sum({_SIGNED}) as balance
              from ledger_entries e join ledger_transactions t on t.id = e.transaction_id
             group by e.ledger_account, e.account_id, e.invoice_id, t.payment_id, e.currency
        )
        select 'invoices:' || i.id
          from invoices i
          left join (select invoice_id, sum(balance) as open from replay
                      where ledger_account = 'receivable' group by invoice_id) r on r.invoice_id = i.id
         where i.open_minor <> coalesce(r.open, 0)
        union all
        select 'accounts:' || a.id
          from accounts a
          left join (select account_id, sum(remaining_minor) as remaining from credits group by account_id) c
            on c.account_id = a.id
          left join (select account_id, sum(written_off_minor) as written_off from invoices group by account_id) i
            on i.account_id = a.id
          left join (select account_id, -sum(balance) filter (where ledger_account = 'customer_credit') as credit,
                            sum(balance) filter (where ledger_account = 'write_off') as written_off
                       from replay group by account_id) r on r.account_id = a.id
         where coalesce(c.remaining, 0) <> coalesce(r.credit, 0)
            or coalesce(i.written_off, 0) <> coalesce(r.written_off, 0)
        union all
        select 'payments:' || p.id
          from payments p
          left join (select payment_id, currency, sum(balance) as held from replay
                      where ledger_account in ('gateway', 'elsewhere', 'disputes') group by payment_id, currency) r
            on r.payment_id = p.id and r.currency = p.currency
          left join (select payment_id, currency, sum(balance) as disputed from replay
                      where ledger_account = 'disputes' group by payment_id, currency) h
            on h.payment_id = p.id and h.currency = p.currency
          left join (select payment_id, sum(held_minor) as held from disputes where state = 'open'
                      group by payment_id) d
            on d.payment_id = p.id
         where p.captured_minor - p.refunded_minor - p.lost_minor <> coalesce(r.held, 0)
            or coalesce(h.disputed, 0) <> coalesce(d.held, 0)
        """,
    ),
    Invariant(
        "10",
        "At most one payment per account is open.",
        """
        select 'accounts:' || account_id from payments
         where state in ('submitting', 'unknown', 'requires_action', 'processing')
         group by account_id having count(*) > 1
        """,
    ),
    Invariant(
        "11",
        "One gateway object per attempt, one attempt per key, one attempt per payment.",
        """
        select 'attempts:' || max(id) from attempts group by idempotency_key having count(*) > 1
        union all select 'attempts:' || max(id) from attempts where gateway_object_id is not null
                   group by gateway_object_id having count(*) > 1
        union all select 'payments:' || payment_id from attempts group by payment_id having count(*) > 1
        """,
    ),
    Invariant(
        "12",
        "Attempt and key are there before the gateway is asked: no payment of ours is without them.",
        """
        select 'payments:' || p.id from payments p
         where p.gateway <> 'elsewhere' and not exists (select from attempts a where a.payment_id = p.id)
        """,
    ),
    Invariant(
        "13",
        "A payment succeeded if and only if exactly one capture of it is booked, from where it was made.",
        """
        select 'payments:' || p.id
          from payments p
          left join ledger_transactions t on t.payment_id = p.id and t.kind in ('payment', 'suspense')
         group by p.id having count(t.id) <> (p.state = 'succeeded')::int
        union all
        select 'payments:' || p.id from payments p
          join ledger_transactions t on t.payment_id = p.id and t.kind in ('payment', 'suspense')
          join ledger_entries e on e.transaction_id = t.id and e.direction = 'debit'
         where e.ledger_account <> case p.gateway when 'elsewhere' then 'elsewhere' else 'gateway' end
        """,
    ),
    Invariant(
        "14",
        "What succeeded here has its object at the gateway.",
        """
        select 'payments:' || p.id from payments p join attempts a on a.payment_id = p.id
         where p.state in ('succeeded', 'processing', 'requires_action', 'unknown') and a.gateway_object_id is null
        """,
    ),
    Invariant(
        "15",
        "Payments change state along declared edges only, or to a verified capture.",
        f"""
        select 'audit:' || a.id from audit a
         where a.entity = 'payment' and a.before ->> 'state' is not null
           and (a.before ->> 'state', a.after ->> 'state') not in ({_EDGES}) and a.after ->> 'state' <> 'succeeded'
        """,
    ),
    Invariant(
        "16",
        "No payment was started while another of the account was undecided.",
        f"""
        with stretch as ({_STRETCHES})
        select 'payments:' || later.id
          from stretch earlier join stretch later
            on later.account_id = earlier.account_id and later.began > earlier.began
         where earlier.ended is null or earlier.ended > later.began
        """,
    ),
    Invariant(
        "17",
        "What was charged is what was quoted; what was captured differently is on the operator's list.",
        """
        select 'payments:' || p.id from payments p join quotes q on q.id = p.quote_id
         where (p.account_id, p.currency, p.amount_minor) <> (q.account_id, q.currency, q.amount_minor)
        union all
        select 'payments:' || p.id from payments p
         where p.state = 'succeeded' and p.captured_minor <> p.amount_minor
           and not exists (select from operator_items o where o.payment_id = p.id and o.kind = 'capture_differs')
        """,
    ),
    Invariant(
        "18",
        "A quote is consumed at most once and never after it expired, with the consent that was given to it.",
        """
        select 'quotes:' || q.id from quotes q join payments p on p.quote_id = q.id
         group by q.id having count(*) > 1
        union all
        select 'quotes:' || q.id from quotes q
          left join payments p on p.quote_id = q.id
          left join consents c on c.quote_id = q.id
         where (q.state = 'consumed') <> (p.id is not null)
            or (p.id is null) <> (c.id is null)
            or p.created_at >= q.expires_at
        """,
    ),
    Invariant(
        "19",
        "No receipt speaks of a payment that has not succeeded.",
        """
        select 'notices:' || n.id from notices n join payments p on p.id = n.payment_id
         where n.kind = 'receipt' and p.state <> 'succeeded'
        """,
    ),
    Invariant(
        "20",
        "A gateway event is stored once and changes a payment once.",
        """
        select 'events_received:' || max(id) from events_received group by gateway, event_id having count(*) > 1
        union all
        select 'audit:' || max(id) from audit where entity = 'payment' and cause like 'event:%'
         group by entity_id, cause having count(*) > 1
        """,
    ),
    Invariant(
        "21",
        "One receipt, with its job, per recipient of a captured payment: billing email and users with notices on.",
        # Users who came or changed after the payment was decided are not counted.
        """
        with expected as (
            select p.id, lower(p.billing_email) as recipient from payments p
             where p.state = 'succeeded' and p.gateway <> 'elsewhere' and p.billing_email is not null
            union
            select p.id, lower(u.email) from payments p join portal_users u on u.account_id = p.account_id
             where p.state = 'succeeded' and p.gateway <> 'elsewhere' and u.notifications
               and u.created_at <= p.decided_at
               and not exists (select from audit a where a.entity = 'portal_user' and a.entity_id = u.id::text
                                  and a.before is not null and a.at >= p.decided_at)
        ), sent as (
            select payment_id, lower(recipient) as recipient, max(id) as id, count(*) as times
              from notices where kind = 'receipt' group by 1, 2
        )
        select 'payments:' || e.id from expected e
         where not exists (select from sent s where s.payment_id = e.id and s.recipient = e.recipient)
        union select 'notices:' || id from sent where times > 1
        union
        select 'notices:' || n.id from notices n
         where n.state = 'queued'
           and not exists (select from procrastinate_jobs j
                            where j.task_name = 'send_notice' and (j.args ->> 'notice_id')::bigint = n.id)
        """,
    ),
    Invariant(
        "25",
        "Every state has the audit row that led to it, and each row begins where the one before it ended.",
        """
        with trail as (
            select a.id, a.entity, a.entity_id, a.after ->> 'state' as state, a.before ->> 'state' as before,
                   lag(a.after ->> 'state') over through as previous,
                   row_number() over (partition by a.entity, a.entity_id order by a.id desc) as place
              from audit a where a.entity in ('payment', 'refund', 'dispute') and a.after ? 'state'
            window through as (partition by a.entity, a.entity_id order by a.id)
        )
        select 'audit:' || id from trail where before is distinct from previous
        union all
        select 'payments:' || p.id from payments p
          left join trail t on t.entity = 'payment' and t.entity_id = p.id::text and t.place = 1
         where t.state is distinct from p.state
        union all
        select 'refunds:' || r.id from refunds r
          left join trail t on t.entity = 'refund' and t.entity_id = r.id::text and t.place = 1
         where t.state is distinct from r.state
        union all
        select 'disputes:' || d.id from disputes d
          left join trail t on t.entity = 'dispute' and t.entity_id = d.id::text and t.place = 1
         where t.state is distinct from d.state
        """,
    ),
)
