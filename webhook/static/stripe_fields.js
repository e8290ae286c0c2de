// Stripe's fields: the Payment Element before anything exists at Stripe, and the steps that its script does on our page.
// The interface is told in sandbox_fields.js; what is used of Stripe.js is documented at docs.stripe.com/js.

import { byId, texts } from "./common.js";

const LOAD_WAIT_MS = 15000;
const US_DEBIT = "us_bank_account";
const dark = matchMedia("(prefers-color-scheme: dark)");

export function createFields(config, { ready, method, trouble }) {
  const loaded = load(config);
  let stripe = null;
  let elements = null;
  let charge = null; // {minor, save} as last told

  loaded.then((made) => { stripe = made; mount(); }, lost);
  dark.addEventListener("change", () => elements?.update({ appearance: appearance() }));

  function update(wanted) {
    charge = wanted;
    if (elements === null) return mount();
    elements.update({ amount: charge.minor, setupFutureUsage: charge.save ? "off_session" : null });
  }

  function lost(error) {
    console.warn(error);
    trouble(texts.blocked);
  }

  function mount() {
    if (stripe === null || charge === null || !byId("fields")) return;
    try {
      begin();
    } catch (error) {
      lost(error);
    }
  }

  function begin() {
    elements = stripe.elements({
      mode: "payment",
      amount: charge.minor,
      currency: config.currency,
      allowedPaymentMethodTypes: config.types, // no more than what our server takes: nothing that leaves the page
      appearance: appearance(),
      ...(charge.save ? { setupFutureUsage: "off_session" } : {}),
    });
    const element = elements.create("payment", {
      layout: { type: "tabs" },
      fields: { billingDetails: { name: "never", email: "never", address: "never" } }, // ours, and sent along
      wallets: { applePay: "auto", googlePay: "auto", link: "never" },
    });
    const slow = setTimeout(() => lost(new Error("the fields are slow")), LOAD_WAIT_MS);
    element.on("ready", () => { clearTimeout(slow); ready(); });
    element.on("change", ({ value }) => method(kindOf(value.type)));
    element.on("loaderror", ({ error }) => { clearTimeout(slow); lost(error); });
    element.mount("#fields");
  }

  async function tokenize(details) {
    const { error: invalid, selectedPaymentMethod } = await elements.submit();
    if (invalid) return invalid.type === "validation_error" ? { type: "invalid" } : { type: "error", message: words(invalid) };
    const { error, confirmationToken } = await stripe.createConfirmationToken({
      elements, params: { payment_method_data: { billing_details: billing(details) } },
    });
    if (error) return { type: "error", message: words(error) };
    return { type: "token", token: confirmationToken.id, method: kindOf(selectedPaymentMethod) };
  }

  async function nextStep({ kind, client_secret: clientSecret, name, email }, details) {
    const script = await loaded;
    if (kind !== "acss_debit") return script.handleNextAction({ clientSecret });
    const billing_details = details ? billing(details) : { name, email };
    return script.confirmAcssDebitPayment(clientSecret, { payment_method: { billing_details } });
  }

  return { update, tokenize, nextStep };
}

function load({ script, key, account, locale }) {
  return new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    const timer = setTimeout(() => reject(new Error("slow")), LOAD_WAIT_MS);
    tag.onload = () => {
      clearTimeout(timer);
      if (typeof window.Stripe !== "function") return reject(new Error("not Stripe's script"));
      return resolve(window.Stripe(key, { locale, ...(account ? { stripeAccount: account } : {}) }));
    };
    tag.onerror = () => { clearTimeout(timer); reject(new Error("blocked")); };
    tag.src = script;
    document.head.append(tag);
  });
}

function kindOf(type) { return type === US_DEBIT ? US_DEBIT : "card"; } // a wallet pays with a card

// Stripe marks a wrong field itself; of the rest only what it words for customers is passed on.
function words({ type, message }) { return type === "card_error" && message ? message : texts.fields_failed; }

function billing({ address, email }) {
  const { name, line1, line2, city, region, postal_code, country } = address;
  return { name, email, address: { line1, line2: line2 || null, city, state: region, postal_code, country } };
}

function appearance() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  return {
    theme: dark.matches ? "night" : "stripe",
    variables: {
      colorPrimary: color("--act"), colorBackground: color("--card"), colorText: color("--ink"),
      colorTextSecondary: color("--mut"), colorDanger: color("--bad"), borderRadius: "10px", fontSizeBase: "16px",
    },
  };
}
