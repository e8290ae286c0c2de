"""What became of a payment is owed to whoever made it: by mail, where a text could not tell it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from assistant.texts.models import TextSent
from billing import notices
from billing.models import Notice, Payment, PortalUser
from billing.payment_states import DECLINED, REQUIRES_ACTION, SUCCEEDED

LOST_TEXT = "text_lost_"  # how the kinds of such letters begin; the payment's state follows
OWN_LETTER = {SUCCEEDED: "receipt", DECLINED: "declined"}  # what most are written anyway


def tell_by_mail(session: Session, text: TextSent, now: datetime) -> None:
    """Queues the letter, if the text told of a payment; those who get the payment's own letter get no second one."""
    if text.payment_id is None or text.portal_user_id is None:
        return
    user, payment = session.get_one(PortalUser, text.portal_user_id), session.get_one(Payment, text.payment_id)
    if payment.state == REQUIRES_ACTION:  # its step is done or cancelled soon, and that is told
        return
    kind = OWN_LETTER.get(payment.state, f"{LOST_TEXT}{payment.state}")
    written = select(Notice.id).where(
        Notice.payment_id == payment.id, Notice.kind == kind, func.lower(Notice.recipient) == user.email.lower()
    )
    if session.scalar(written.limit(1)) is None:
        notices.queue(
            session,
            account_id=payment.account_id,
            payment_id=payment.id,
            kind=kind,
            recipient=user.email,
            language=user.language,
            now=now,
        )
