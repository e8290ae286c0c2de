"""Settings: read once from the environment into one frozen object; a missing secret stops the start."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from billing import stripe_settings, twilio_settings

SHORTEST_SECRET = 16


def _secret(value: str) -> str:
    """Empty secrets and unexpanded `${VAR}` are how unprotected services come to be."""
    if len(value) < SHORTEST_SECRET or "${" in value:
        raise ValueError(f"must be a random text of at least {SHORTEST_SECRET} characters")
    return value


Secret = Annotated[str, AfterValidator(_secret), Field(repr=False)]

BANK_DEBITS = {"acss_debit": "CAD", "us_bank_account": "USD"}  # by their names at Stripe: the one currency of each


def _bank_debits(value: str) -> str:
    if unknown := set(value.split()) - BANK_DEBITS.keys():
        raise ValueError(f"knows {' and '.join(BANK_DEBITS)}, not {', '.join(sorted(unknown))}")
    return value


BankDebits = Annotated[str, AfterValidator(_bank_debits)]


class Settings(BaseSettings):
    """One field per setting; `docs/settings.md` is checked against this class."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=False)

    database_url: str = Field(description="PostgreSQL of the service, `postgresql://…`.", repr=False)
    bot_url: str = Field("http://127.0.0.1:8002", description="Where the dialogue engine listens.")
    bot_token: Secret = Field(description="Secret between edge and bot.")
    actions_token: Secret = Field(description="Secret between bot and action server.")
    actions_port: int = Field(8003, description="Port of the action server, loopback only.")
    portal_signing_secret: Secret = Field(description="HS256 key with which the billing portal signs its chat tokens.")
    public_url: str = Field(
        "http://127.0.0.1:8000", description="Address of the edge as customers see it, for links and signatures."
    )
    sandbox_enabled: bool = Field(
        False, description="Sandbox bank, mailbox, demo page and demo commands. Never in production."
    )
    sandbox_url: str = Field("http://127.0.0.1:8001", description="Where the sandbox listens, when it is enabled.")
    sandbox_secret_key: str = Field("", description="Our API key at the sandbox bank; required with it.", repr=False)
    sandbox_webhook_secret: str = Field(
        "", description="Signing secret of the sandbox bank's events; required with it.", repr=False
    )
    stripe_secret_key: str = Field(
        "", description="Our key at Stripe, `sk_…` or a restricted `rk_…`; with it, Stripe takes the money.", repr=False
    )
    stripe_publishable_key: str = Field("", description="Stripe's key for our secure page, `pk_…`; required with it.")
    stripe_webhook_secret: str = Field(
        "",
        description="Signing secret of Stripe's events, `whsec_…`; two, separated by a comma, while it is rotated.",
        repr=False,
    )
    stripe_api_base: str = Field("https://api.stripe.com", description="Where Stripe's API is.")
    stripe_js_url: str = Field("https://js.stripe.com/endive/stripe.js", description="Stripe's script for our page.")
    stripe_bank_debits: BankDebits = Field(
        "",
        description="Bank debits that the Stripe account has and our secure page offers, separated by blanks: "
        "`acss_debit` (Canadian dollars), `us_bank_account` (US dollars).",
    )
    stripe_account: str = Field("", description="The connected account `acct_…` that we charge for, if any.")
    twilio_auth_token: str = Field(
        "",
        description="With it, customers can pay by text: Twilio signs its requests with it. Two, separated by a comma, "
        "while it is rotated; the first one signs ours.",
        repr=False,
    )
    twilio_account_sid: str = Field(
        "", description="Our account at Twilio, `AC…`; without it texts are answered in the webhook's own answer only."
    )
    twilio_from_number: str = Field(
        "", description="The number that texts come from, `+1…`; required with the account."
    )
    twilio_messaging_service_sid: str = Field("", description="A messaging service `MG…` in place of the number.")
    twilio_verify_service_sid: str = Field(
        "", description="A Verify service `VA…` that sends and checks one-time codes in our place."
    )
    twilio_api_base: str = Field("", description="Where Twilio's API is; empty: api.twilio.com and verify.twilio.com.")
    one_time_code_secret: str = Field(
        "", description="Key of the one-time codes; required for payment by text.", repr=False
    )
    sms_sender_name: str = Field("Northwind", description="The company's short name, first in every text.")
    sms_countries: str = Field("CA US", description="Countries that texts may go to, separated by blanks.")
    sms_per_phone_per_day: int = Field(80, description="Texts to one number in 24 hours.", gt=0)
    sms_per_day: int = Field(20_000, description="Texts to everyone in 24 hours, the guard on cost.", gt=0)
    sms_choice_ttl_s: int = Field(900, description="The numbers offered in a text mean something this long.", gt=0)
    phone_change_days: int = Field(
        14, description="A number newer than this in the portal is proved by mail, not by text.", ge=0
    )
    call_person_number: str = Field(
        "", description="Where callers who want a person are put through to, `+1…`; empty: they are told whom to call."
    )
    twilio_pay_connector: str = Field(
        "",
        description="Name of the `<Pay>` connector at Twilio: new cards are keyed in on the phone, to Twilio; "
        "empty: a link by text.",
    )
    call_voice_en: str = Field("Polly.Joanna", description="Twilio's voice for English.")
    call_voice_fr: str = Field("Polly.Chantal", description="Twilio's voice for Canadian French.")
    call_hold_after_s: float = Field(
        4.0, description="A caller whose answer takes longer hears that it does, and is kept on the line.", gt=0
    )
    smtp_url: str = Field("smtp://127.0.0.1:8004", description="Mail server, `smtp://user:pass@host:port`.", repr=False)
    mail_from: str = Field("Northwind Telecom <billing@northwind.example>", description="Sender of all mail.")
    company_name: str = Field("Northwind Telecom", description="The company that customers pay.")
    company_contact: str = Field("1 800 555 0199", description="Where customers reach a person.")
    handoff_email: str = Field("care@northwind.example", description="Where tickets for a person are mailed.")
    time_zone: str = Field("America/Toronto", description="The company's zone: its today, and times said to customers.")
    max_payment_minor: int = Field(1_000_000, description="Largest single payment, minor units (10,000.00).", gt=0)
    quote_ttl_chat_s: int = Field(300, description="A quote made in chat or on the phone is good this long.", gt=0)
    quote_ttl_link_s: int = Field(900, description="The same for a quote by SMS or on the secure page.", gt=0)
    chat_session_ttl_s: int = Field(1800, description="A chat session ends after this long without a turn.", gt=0)
    gateway_timeout_s: float = Field(8.0, description="All gateway calls of one turn together.", gt=0)
    turn_timeout_s: float = Field(12.0, description="Edge to bot, one turn.", gt=0)
    action_required_ttl_s: int = Field(1800, description="A bank step left undone is cancelled then.", gt=0)
    reconcile_card_after_s: float = Field(120, description="First status query of an undecided card payment.", gt=0)
    reconcile_unknown_after_s: float = Field(5, description="First status query after an unknown outcome.", gt=0)
    reconcile_debit_every_s: float = Field(3600, description="Status query of a pending bank debit.", gt=0)
    payment_age_limit_s: int = Field(86_400, description="An undecided card payment is an operator's then.", gt=0)
    debit_age_limit_s: int = Field(864_000, description="The same for a bank debit (10 days).", gt=0)
    velocity_window_s: int = Field(3600, description="The limits on tries look back this far.", gt=0)
    tries_per_account: int = Field(
        5, description="Refused tries and other new cards of one account; 0, here and below: no limit.", ge=0
    )
    tries_per_session: int = Field(5, description="The same of one conversation.", ge=0)
    tries_per_address: int = Field(
        20, description="Refused tries of one address, each account's first apart, while most are refused.", ge=0
    )
    tries_per_card: int = Field(
        10, description="Refused tries of one card on all accounts, each account's first apart.", ge=0
    )
    log_level: str = Field("INFO", description="Threshold of the logs.")
    edge_host: str = Field("127.0.0.1", description="Address on which the edge listens; a TLS proxy stands before it.")
    port: int = Field(8000, description="Port of the edge.")
    trusted_proxies: int = Field(
        0, description="Proxies before the edge whose X-Forwarded-For and X-Forwarded-Proto are believed.", ge=0
    )
    allowed_origins: str = Field(
        "", description="Origins that may show chat and secure page in a frame, separated by blanks; ours always may."
    )
    stream_limit: int = Field(500, description="Event streams at once; one more is answered 503.", gt=0)
    stream_heartbeat_s: float = Field(7.0, description="A quiet event stream writes a comment this often.", gt=0)
    request_limit: int = Field(100, description="Requests at once besides streams; one more is answered 503.", gt=0)
    turn_limit: int = Field(64, description="Turns at the bot at once; one more is answered 503.", gt=0)
    chat_messages_per_minute: int = Field(120, description="Messages of one conversation.", gt=0)
    chat_sessions_per_minute: int = Field(60, description="Conversations opened by one portal user.", gt=0)
    requests_per_minute: int = Field(600, description="Unauthenticated requests of one address.", gt=0)
    rate_limit_url: str = Field(
        "memory://", description="Where rates are counted; `redis://…` when several edges share them.", repr=False
    )
    metrics_token: str = Field(
        "", description="Bearer token for /metrics; without it only loopback may read them.", repr=False
    )

    @model_validator(mode="after")
    def _stripe_is_whole(self) -> Self:
        complaint = stripe_settings.complaint(
            secret_key=self.stripe_secret_key,
            publishable_key=self.stripe_publishable_key,
            webhook_secret=self.stripe_webhook_secret,
            api_base=self.stripe_api_base,
            account=self.stripe_account,
            sandbox_enabled=self.sandbox_enabled,
        )
        if complaint is not None:
            raise ValueError(complaint)
        return self

    @model_validator(mode="after")
    def _twilio_is_whole(self) -> Self:
        complaint = twilio_settings.complaint(
            auth_tokens=self.twilio_auth_tokens,
            account_sid=self.twilio_account_sid,
            from_number=self.twilio_from_number,
            messaging_service_sid=self.twilio_messaging_service_sid,
            verify_service_sid=self.twilio_verify_service_sid,
            one_time_code_secret=self.one_time_code_secret,
            countries=self.sms_countries,
        )
        if complaint is not None:
            raise ValueError(complaint)
        return self

    @property
    def can_text(self) -> bool:
        """Without an account at Twilio a text can only be answered in the webhook's own answer."""
        return bool(self.twilio_account_sid)

    @property
    def twilio_auth_tokens(self) -> tuple[str, ...]:
        """The one that signs our requests first, then any other whose signatures are still believed."""
        return tuple(token.strip() for token in self.twilio_auth_token.split(",") if token.strip())

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        return stripe_settings.webhook_secrets(self.stripe_webhook_secret)

    def local(self, moment: datetime) -> datetime:
        """`moment` on the company's clock, which is the one that customers are told."""
        return moment.astimezone(ZoneInfo(self.time_zone))


@cache
def get_settings() -> Settings:
    """The process's settings. Exits with one clear line per missing or bad setting."""
    try:
        return Settings()
    except ValidationError as error:
        # What several settings together get wrong has no place of its own; its sentence names them.
        lines = [f"  {': '.join([*(str(part).upper() for part in e['loc'][:1]), e['msg']])}" for e in error.errors()]
        raise SystemExit("remit cannot start, settings are wrong (docs/settings.md):\n" + "\n".join(lines)) from None
