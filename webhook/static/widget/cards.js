// The cards of the conversation: balance, methods, quote, payment, link, history.

import { make } from "./dom.js";
import { locale, several, word, words } from "./words.js";

const NETS = { visa: "VISA", mastercard: "MC", amex: "AMEX", discover: "DISC", bank: "BANK" };
const BRANDS = { visa: "Visa", mastercard: "Mastercard", amex: "American Express", discover: "Discover" };
const FEW_INVOICES = 6;

const day = (iso) => new Date(`${iso}T12:00`).toLocaleDateString(locale(), { day: "numeric", month: "short", year: "numeric" });
export const clock = (at) => new Date(at).toLocaleTimeString(locale(), { hour: "numeric", minute: "2-digit" });

export function methodName({ brand, last4, kind }) {
  return word("ending", kind === "bank_debit" ? word("bank_account") : BRANDS[brand] ?? brand, last4);
}

function net({ brand, kind }) {
  const name = kind === "bank_debit" ? "bank" : brand;
  return make(`span.net.${NETS[name] ? name : "unknown"}`, NETS[name] ?? "CARD", { "aria-hidden": "true" });
}

// A node for the card, or null for a type that this page does not know: the text beside it says it all.
export function drawCard(card, tools) {
  const draw = { balance, methods, quote, payment, link, history }[card?.type];
  return draw ? draw(card, tools) : null;
}

function balance({ balance: amount, past_due: late, due, invoices_open: count }) {
  return make("div.box",
    make("p.cap", word(amount.minor < 0 ? "credit" : "balance")),
    make("p.big", amount.text),
    make("p.facts",
      late.minor > 0 && make("span.due", word("past_due", late.text)),
      due && make("span", word("due", day(due))),
      count > 0 && make("span", several("invoices", count))));
}

// The message's first buttons choose the methods; the others stay replies.
let groups = 0;
function methods({ methods: offered }, { buttons, press }) {
  const name = `methods-${groups += 1}`;
  const rows = offered.map((method) => make("label.method", make("input", { type: "radio", name, value: String(method.button) }),
    net(method), make("span", methodName(method)), method.expiry && make("em", word("expires", method.expiry))));
  const go = make("button.use", { type: "submit", disabled: true }, word("use_it"));
  const group = make("fieldset.methods", make("legend", word("pay_with")), rows, go);
  group.addEventListener("change", () => { go.disabled = false; });
  const form = make("form.choice", group);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    press(buttons[Number(new FormData(form).get(name))]);
  });
  return form;
}

// `whole` is the word for an invoice that nothing is left of: only a payment that succeeded has paid it.
function invoiceLines({ invoices, more_invoices: unlisted = 0, credit }, whole) {
  const rows = invoices.map(({ number, amount, left }) => make("tr", make("td", number), make("td", amount.text),
    make("td.left", left.minor > 0 ? word("left", left.text) : whole)));
  if (unlisted) rows.push(make("tr", make("td.left", { colspan: "3" }, several("more_invoices", unlisted))));
  if (credit?.minor > 0) rows.push(make("tr", make("td", word("to_credit")), make("td", credit.text), make("td")));
  const body = make("tbody", rows);
  const table = make("div", rows.length > FEW_INVOICES + 2 ? { class: "scrolls", tabindex: "0", role: "region", "aria-label": word("to_pay") } : {}, make("table.lines", body));
  if (rows.length <= FEW_INVOICES + 2) return [table];
  rows.slice(FEW_INVOICES).forEach((row) => { row.hidden = true; });
  const more = make("button.more", { type: "button" }, word("show_more"));
  more.addEventListener("click", () => { rows.forEach((row) => { row.hidden = false; }); more.remove(); });
  return [table, more];
}

function quote(card) {
  const { amount, method, billing_email: email, expires_at: until } = card;
  return make("div.box",
    make("p.cap", `${word("to_pay")} · ${method ? methodName(method) : word("new_card")}`),
    make("p.big", amount.text), invoiceLines(card, word("in_full")),
    make("p.facts", make("span", word("receipt_to", email)), make("span", word("good_until", clock(until)))));
}

function payment(card) {
  const { reference, state, amount, method, balance: after } = card;
  const waiting = ["processing", "submitting"].includes(state);
  return make(`div.box.${state}`,
    make("p.state", word(state)), make("p.big", amount.text),
    make("p.cap", [method && methodName(method), word("reference", reference)].filter(Boolean).join(" · ")),
    state === "succeeded" && card.invoices.length > 0 && invoiceLines(card, word("paid")),
    state === "succeeded" && make("p.facts", make("span", word("new_balance", after.text))),
    waiting && make("div.track", { "aria-hidden": "true" }, make("i.on"), make("i.on.now"), make("i")),
    waiting && make("p.cap", word("steps")));
}

function link({ url, purpose, expires_at: until }, { openPage }) {
  if (purpose === "receipt" || purpose === "invoice") { // a PDF: browsers show it best in a tab of its own
    return make("div.box", make("p.cap", word("link_until", clock(until))), make("a.pdf", { href: url, target: "_blank", rel: "noopener" }, word(`open_${purpose}`)));
  }
  const atBank = new URL(url, location.href).origin !== location.origin;
  const name = word(atBank ? "bank_page" : purpose === "edit_method" ? "edit_page" : "open_page");
  const open = atBank ? make("a.open", { href: url, target: "_blank", rel: "noopener" }, name) // a bank wants to be a page of its own
    : make("button.open", { type: "button", onclick: () => openPage(url) }, name);
  return make("div.box", make("p.cap", until ? word("link_until", clock(until)) : ""), open);
}

function history({ lines }) {
  const rows = lines.map(({ on, kind, label, amount }) => make("tr", make("td", day(on)),
    make("td.wide", [words()[kind] ?? kind, label].filter(Boolean).join(" ")), make("td", amount.text)));
  return make("div.box", make("p.cap", word("statement")), make("div.scrolls", { tabindex: "0", role: "region", "aria-label": word("statement") }, make("table.lines", make("tbody", rows))));
}

