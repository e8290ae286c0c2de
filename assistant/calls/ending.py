"""The end of a call, and what is told after it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.calls.models import Call
from assistant.models import ChatSession
from assistant.opt_out import is_opted_in
from billing.context import Context
from billing.quotes import open_quote, void_open_quote


def hang_up(session: Session, context: Context, sid: str) -> None:
    """The call is over: a quote that was read out in it can no longer be said yes to; a payment goes on."""
    call = session.scalars(select(Call).where(Call.sid == sid).with_for_update()).one_or_none()
    if call is None or call.ended_at is not None:
        return
    now = context.now()
    call.ended_at, call.stage = now, "over"
    if call.sender is None:
        return
    chat = session.get_one(ChatSession, call.sender)
    chat.expires_at = now
    quote = open_quote(session, chat.account_id, now)
    if quote is not None and quote.sender == chat.sender and quote.method_id is not None:  # a link goes on being good
        actor = f"portal_user:{chat.portal_user_id}"
        void_open_quote(session, chat.account_id, cause="hung_up", actor=actor, now=now)


def may_be_texted_after_call(session: Session, chat: ChatSession) -> bool:
    """Did the caller ask for a text, or has the number said before that it wants them?"""
    asked = session.scalar(select(Call.wants_text).where(Call.sender == chat.sender))
    return bool(asked) or (chat.phone is not None and is_opted_in(session, chat.phone))
