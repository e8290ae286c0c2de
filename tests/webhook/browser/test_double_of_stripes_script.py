"""The double of Stripe's script refuses what Stripe does not document, or our page could lean on it unseen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.stripe_js.server import running_script

BEGIN = """
const stripe = Stripe("pk_test_1");
const group = (more = {}) => stripe.elements({ mode: "payment", amount: 100, currency: "cad", ...more });
const token = (elements, address) => stripe.createConfirmationToken({
  elements, params: { payment_method_data: { billing_details: { address } } },
});
const without_address = () => {
  const elements = group();
  elements.create("payment", { fields: { billingDetails: { address: "never" } } });
  return elements;
};
"""


@pytest.fixture(scope="module")
def bare(browser: Browser) -> Iterator[Page]:
    """The script on a page with nothing on it; the API it would ask is not there."""
    with running_script("http://127.0.0.1:9") as url:
        page = browser.new_page()
        page.goto(f"{url.partition('/stripe.js')[0]}/dialog.css")
        page.add_script_tag(url=url)
        yield page
        page.close()


@pytest.mark.parametrize(
    ("said", "refused_for"),
    [
        ('Stripe("sk_test_1")', "publishable key"),
        ('Stripe("pk_test_1", { language: "fr" })', "language is not a documented option"),
        ('Stripe("pk_test_1", { locale: "fr_CA" })', "locale"),
        ("group({ amount: 10.5 })", "amount"),
        ('group({ currency: "CAD" })', "currency"),
        ('group({ paymentMethodTypes: ["card"] })', "paymentMethodTypes is not a documented option"),
        ('group({ setupFutureUsage: "always" })', "setupFutureUsage"),
        ('group({ appearance: { variables: { colour: "red" } } })', "colour is not a documented option"),
        ("group().update({ amount: 0 })", "amount"),
        ('group().create("payment", { fields: { address: "never" } })', "address is not a documented option"),
        ('group().create("payment").on("token", () => 0)', "token is not an event"),
        ('group().create("payment").mount("#nowhere")', "there is no #nowhere"),
        ('{ const one = group(); one.create("payment"); one.create("payment"); }', "only create one Element"),
        ("token(without_address(), {})", "elements.submit() must be called before"),
        ('token(Object.assign(without_address(), { submitted: true }), { line1: "1 Main St" })', "did not pass it"),
        ('stripe.handleNextAction("pi_1_secret_1")', "an object is wanted"),
        ('stripe.handleNextAction({ clientSecret: "pi_1" })', "clientSecret"),
        (
            'stripe.confirmAcssDebitPayment("pi_1_secret_1", { payment_method: { billing_details: {} } })',
            "name and email",
        ),
    ],
)
def test_what_is_not_documented_is_refused(bare: Page, said: str, refused_for: str) -> None:
    run = said if said.startswith("{") else f"await {said};"
    told = bare.evaluate(
        f"async () => {{ {BEGIN} try {{ {run} }} catch (error) {{ return [error.name, error.message]; }} }}"
    )
    assert told is not None
    assert told[0] == "IntegrationError"
    assert refused_for in told[1]
