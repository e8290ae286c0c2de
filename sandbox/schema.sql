-- The sandbox's own tables, in its own schema. Run at every start; tables that another version of this file made are
-- dropped first (database.py): there is nothing to migrate, demo data is made anew.
create table if not exists made_by (digest text not null);

create table if not exists customers (
    id text primary key,
    account_number text not null unique,
    name text not null,
    email text not null,
    created_at timestamptz not null default now()
);

-- What is kept of a card: never its number, never its code. `behaviour` is what a test card does (cards.py).
create table if not exists tokens (
    id text primary key,
    brand text not null,
    last4 text not null check (last4 ~ '^[0-9]{4}$'),
    exp_month integer not null,
    exp_year integer not null,
    fingerprint text not null,
    behaviour text not null,
    expires_at timestamptz not null,
    used_at timestamptz
);

create table if not exists methods (
    seq bigint generated always as identity,
    id text primary key,
    customer_id text references customers (id), -- null: used once, never attached
    kind text not null check (kind in ('card', 'bank_debit')),
    brand text not null,
    last4 text not null check (last4 ~ '^[0-9]{4}$'),
    exp_month integer,
    exp_year integer,
    fingerprint text not null,
    behaviour text not null,
    email text,
    address jsonb not null default '{}',
    created_at timestamptz not null default now()
);

create table if not exists payments (
    seq bigint generated always as identity,
    id text primary key,
    status text not null check (
        status in ('requires_confirmation', 'requires_action', 'processing', 'succeeded', 'declined', 'canceled')
    ),
    amount bigint not null check (amount > 0),
    currency text not null,
    captured bigint not null default 0,
    refunded bigint not null default 0 check (refunded <= captured),
    customer_id text references customers (id),
    method_id text not null references methods (id),
    save boolean not null,
    payment_reference text not null,
    description text not null,
    email text,
    address jsonb not null default '{}',
    decline_code text,
    action_key text not null,
    created_at timestamptz not null default now(),
    confirmed_at timestamptz,
    decided_at timestamptz
);
create index if not exists payments_created on payments (created_at);
create index if not exists payments_reference on payments (payment_reference);
create index if not exists payments_customer on payments (customer_id, seq);

create table if not exists refunds (
    seq bigint generated always as identity,
    id text primary key,
    payment_id text not null references payments (id),
    amount bigint not null check (amount > 0),
    currency text not null,
    status text not null check (status in ('pending', 'succeeded', 'failed')),
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now()
);

create table if not exists disputes (
    id text primary key,
    payment_id text not null references payments (id),
    amount bigint not null check (amount > 0),
    currency text not null,
    reason text not null,
    status text not null check (status in ('open', 'won', 'lost')),
    is_return boolean not null, -- a bank debit sent back after it had succeeded
    created_at timestamptz not null default now()
);

-- What a bank debit is to come to, and when.
create table if not exists plans (
    id bigint generated always as identity primary key,
    payment_id text not null references payments (id) on delete cascade,
    step text not null check (step in ('approve', 'decline', 'return')),
    due_at timestamptz not null
);

-- The first answer to a key, kept with what was asked.
create table if not exists idempotency_keys (
    key text primary key,
    request text not null,
    status integer not null,
    body jsonb not null,
    created_at timestamptz not null default now()
);

-- `body` is text: every delivery of an event carries the same bytes.
create table if not exists events (
    seq bigint generated always as identity,
    id text primary key,
    type text not null,
    payment_id text,
    body text not null,
    created_at timestamptz not null default now()
);
create index if not exists events_created on events (created_at);

create table if not exists deliveries (
    id bigint generated always as identity primary key,
    event_id text not null references events (id) on delete cascade,
    state text not null check (state in ('waiting', 'held', 'lost', 'delivered', 'abandoned')),
    due_at timestamptz not null,
    tries integer not null default 0,
    last_answer text,
    delivered_at timestamptz
);
create index if not exists deliveries_due on deliveries (due_at, id) where state = 'waiting';

create table if not exists mails (
    id bigint generated always as identity primary key,
    sender text not null,
    recipients text[] not null,
    subject text not null,
    text text not null,
    html text not null,
    raw bytea not null,
    received_at timestamptz not null default now()
);
