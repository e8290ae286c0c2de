"""The sandbox from a test's side: the bank's back office, its card fields, and the mailbox."""

from __future__ import annotations

from typing import Any

import httpx

# By ending, as sandbox/bank/cards.py knows them.
CARDS = {
    "4242": "4242424242424242",
    "4444": "5555555555554444",
    "0005": "378282246310005",
    "0002": "4000000000000002",  # declined
    "9995": "4000000000009995",  # insufficient funds
    "3220": "4000000000003220",  # asks for a bank step
    "2024": "4000000000002024",  # waits for the bank
    "1000": "4000000000001000",  # slow
    "4087": "4000000000004087",  # charges, then hangs
    "5001": "4000000000005001",  # charges, then HTTP 500
    "9003": "4000000000009003",  # charges, then resets the connection
    "4004": "4000000000004004",  # resets, nothing charged
}


class Bank:
    def __init__(self, address: str, secret_key: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=60, trust_env=False)
        self._key = {"Authorization": f"Bearer {secret_key}"}

    def close(self) -> None:
        self._http.close()

    def token(self, ending: str, *, exp_year: int = 2034) -> str:
        """What the card fields give the page for a card typed into them."""
        card = {
            "number": CARDS[ending],
            "exp_month": 12,
            "exp_year": exp_year,
            "cvc": "1234" if ending == "0005" else "123",
        }
        answer = self._http.post("/fields/tokens", json=card)
        assert answer.is_success, answer.text
        return str(answer.json()["token"])

    def customer(self, account_number: str, name: str, email: str) -> str:
        body = {"account_number": account_number, "name": name, "email": email}
        return str(self._post("/customers", body)["id"])

    def attach(self, customer: str, ending: str, *, kind: str, email: str, address: dict[str, str]) -> None:
        """A saved card with that ending, or a bank account."""
        what: dict[str, Any] = {"bank_account": {"last4": ending}} if kind == "debit" else {"token": self.token(ending)}
        details = {"email": email, "address": address}
        self._post("/methods", {"customer": customer, "billing_details": details, **what})

    def payments(self, customer: str) -> list[dict[str, Any]]:
        """What the bank holds for a customer, newest first."""
        return list(self._get("/payments", customer=customer)["data"])

    def decide(self, customer: str, decision: str) -> None:
        """`approve` or `decline` what waits."""
        waiting = [p for p in self.payments(customer) if p["status"] == "processing"]
        assert len(waiting) == 1, f"{len(waiting)} payments wait at the bank"
        self._post(f"/payments/{waiting[0]['id']}/decide", {"decision": decision})

    def deliver(self, **mode: Any) -> None:
        """How events travel from now on; nothing: the plain way."""
        self._http.put("/bank/v1/control/delivery", json=mode, headers=self._key).raise_for_status()

    def mails(self, *addresses: str) -> list[dict[str, Any]]:
        """Newest first, with text and html."""
        listed = self._http.get("/mailbox/messages", params={"to": list(addresses)}).raise_for_status().json()
        rows = listed["messages"]
        return [self._http.get(f"/mailbox/messages/{row['id']}").raise_for_status().json() for row in rows]

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self._http.get(f"/bank/v1{path}", params=query, headers=self._key)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"/bank/v1{path}", json=body, headers=self._key)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made
