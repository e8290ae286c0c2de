"""Text messages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Whoever changes it, and however: a number that changed lately is no proof of who holds it.
PHONE_CHANGED = """
create function note_phone_change() returns trigger language plpgsql as $$
begin
  new.phone_changed_at := now();
  return new;
end $$;
create trigger portal_users_phone_changed before update of phone on portal_users
  for each row when (new.phone is distinct from old.phone) execute function note_phone_change();
"""


def upgrade() -> None:
    op.create_table(
        "text_consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state in ('in', 'out')", name=op.f("ck_text_consents_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_consents")),
    )
    op.create_index("ix_text_consents_phone", "text_consents", ["phone", "id"], unique=False)
    op.create_table(
        "texts_received",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("card_removed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("media", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_group", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("told_by_carrier", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts_received")),
        sa.UniqueConstraint("sid", name=op.f("uq_texts_received_sid")),
    )
    op.create_index("ix_texts_received_phone", "texts_received", ["phone", "id"], unique=False)
    op.create_table(
        "one_time_codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("resumes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("sent_by in ('sms', 'email', 'verify')", name=op.f("ck_one_time_codes_sent_by")),
        sa.ForeignKeyConstraint(["resumes"], ["texts_received.id"], name=op.f("fk_one_time_codes_resumes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_codes")),
        sa.UniqueConstraint("resumes", name=op.f("uq_one_time_codes_resumes")),
    )
    op.create_index("ix_one_time_codes_phone", "one_time_codes", ["phone", "id"], unique=False)
    op.create_table(
        "texts_sent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("portal_user_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("code_id", sa.BigInteger(), nullable=True),
        sa.Column("answers", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("despite_opt_out", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("withheld_because", sa.Text(), nullable=True),
        sa.Column("error_code", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed', 'withheld')",
            name=op.f("ck_texts_sent_state"),
        ),
        sa.CheckConstraint("(body is null) = (code_id is not null)", name=op.f("ck_texts_sent_code_is_not_kept")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_texts_sent_account_id")),
        sa.ForeignKeyConstraint(["answers"], ["texts_received.id"], name=op.f("fk_texts_sent_answers")),
        sa.ForeignKeyConstraint(["code_id"], ["one_time_codes.id"], name=op.f("fk_texts_sent_code_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_texts_sent_payment_id")),
        sa.ForeignKeyConstraint(["portal_user_id"], ["portal_users.id"], name=op.f("fk_texts_sent_portal_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts_sent")),
        sa.UniqueConstraint("key", name=op.f("uq_texts_sent_key")),
        sa.UniqueConstraint("sid", name=op.f("uq_texts_sent_sid")),
    )
    op.create_index(op.f("ix_texts_sent_answers"), "texts_sent", ["answers"], unique=False)
    op.create_index("ix_texts_sent_created_at", "texts_sent", ["created_at"], unique=False)
    op.create_index("ix_texts_sent_phone", "texts_sent", ["phone", "id"], unique=False)
    op.create_table(
        "text_choices",
        sa.Column("text_id", sa.BigInteger(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("button_id", sa.Text(), nullable=True),
        sa.Column("portal_user_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(button_id is null) <> (portal_user_id is null)", name=op.f("ck_text_choices_means_one_thing")
        ),
        sa.ForeignKeyConstraint(["button_id"], ["issued_buttons.id"], name=op.f("fk_text_choices_button_id")),
        sa.ForeignKeyConstraint(["portal_user_id"], ["portal_users.id"], name=op.f("fk_text_choices_portal_user_id")),
        sa.ForeignKeyConstraint(["text_id"], ["texts_sent.id"], name=op.f("fk_text_choices_text_id")),
        sa.PrimaryKeyConstraint("text_id", "reply", name=op.f("pk_text_choices")),
    )
    op.add_column("chat_sessions", sa.Column("phone", sa.Text(), nullable=True))
    op.create_index(op.f("ix_chat_sessions_phone"), "chat_sessions", ["phone"], unique=False)
    op.add_column("portal_users", sa.Column("phone_changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("quotes", sa.Column("reply_code", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_quotes_reply_code"), "quotes", "reply_code ~ '^[1-9][0-9]$'")
    op.execute(PHONE_CHANGED)


def downgrade() -> None:
    op.execute("drop trigger portal_users_phone_changed on portal_users")
    op.execute("drop function note_phone_change")
    op.drop_column("quotes", "reply_code")
    op.drop_column("portal_users", "phone_changed_at")
    op.drop_column("chat_sessions", "phone")
    for table in ("text_choices", "texts_sent", "one_time_codes", "texts_received", "text_consents"):
        op.drop_table(table)
