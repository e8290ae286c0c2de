"""Phone calls"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("pin_hash", sa.Text(), nullable=True))
    op.create_table(
        "calls",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in ("number", "refused")),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in ("silent", "missed")),
        sa.Column("plan", postgresql.JSONB(), nullable=True),
        sa.Column("menu", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("page", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wants_text", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "stage in ('language', 'account', 'pin', 'talk', 'amount', 'over')", name=op.f("ck_calls_stage")
        ),
        sa.CheckConstraint(
            "stage not in ('talk', 'amount') or sender is not null", name=op.f("ck_calls_who_talks_is_known")
        ),
        sa.ForeignKeyConstraint(["sender"], ["chat_sessions.sender"], name=op.f("fk_calls_sender_chat_sessions")),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_sender", "calls", ["sender"])
    op.create_table(
        "call_steps",
        sa.Column("call_sid", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("heard", postgresql.JSONB(), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["call_sid"], ["calls.sid"], name=op.f("fk_call_steps_call_sid_calls")),
        sa.PrimaryKeyConstraint("call_sid", "number", name=op.f("pk_call_steps")),
    )
    op.create_table(
        "refused_pins",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_pins")),
    )
    op.create_index("ix_refused_pins_account_number", "refused_pins", ["account_number", "at"])
    op.create_index("ix_refused_pins_phone", "refused_pins", ["phone", "at"])


def downgrade() -> None:
    for table in ("refused_pins", "call_steps", "calls"):
        op.drop_table(table)
    op.drop_column("accounts", "pin_hash")
