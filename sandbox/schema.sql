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

-- Telephones that something is the matter with; the others have no row. `fails_with` is an error code of Twilio's.
create table if not exists phones (
    number text primary key,
    opted_out boolean not null,
    fails_with integer,
    send_hangs boolean not null,
    api_down boolean not null
);

-- `phone` is the customer's number and `other` the service's, whoever wrote. `form`: what a webhook says of it.
create table if not exists texts (
    id bigint generated always as identity primary key,
    sid text not null unique,
    direction text not null check (direction in ('inbound', 'outbound-api', 'outbound-reply', 'outbound-verify')),
    phone text not null,
    other text not null,
    body text not null,
    num_segments integer not null,
    encoding text not null,
    media text[] not null,
    messaging_service_sid text,
    status_callback text,
    status text not null check (status in ('received', 'queued', 'sent', 'delivered', 'undelivered', 'failed')),
    error_code integer,
    form jsonb check ((form is not null) = (direction = 'inbound')),
    held boolean not null,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    updated_at timestamptz not null default now()
);
create index if not exists texts_phone on texts (phone, id);

-- What a text is to become and when, and when the service is told of that.
create table if not exists text_steps (
    id bigint generated always as identity primary key,
    text_id bigint not null references texts (id) on delete cascade,
    kind text not null check (kind in ('change', 'callback')),
    status text not null,
    error_code integer,
    state text not null check (state in ('waiting', 'held')),
    due_at timestamptz not null
);
create index if not exists text_steps_due on text_steps (due_at, id) where state = 'waiting';

create table if not exists verifications (
    sid text not null,
    phone text primary key,
    code text not null,
    sent jsonb not null default '[]', -- an attempt each
    checked integer not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    expires_at timestamptz not null
);

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
