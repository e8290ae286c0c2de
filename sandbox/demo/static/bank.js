// The visitor plays the bank: pending payments are approved or declined; what it did lately stands below.

import { Failed, sandbox } from "./api.js";
import { clock, methodName } from "./format.js";
import { byId, make, toast } from "./dom.js";
import { locale, word, words } from "./words.js";

const REASONS = ["bank_declined", "insufficient_funds", "account_closed"];
const SHOWN = 6;
let drawn = "";
let reason = REASONS[1];

const money = ({ amount, currency }) => new Intl.NumberFormat(locale(), { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(amount / 100);

export function drawBank(payments) {
  const now = JSON.stringify([payments, document.documentElement.lang]);
  if (now === drawn) return; // a redraw would take the focus from a button
  drawn = now;
  const waiting = payments.filter((payment) => payment.status === "processing");
  byId("bank-count").textContent = waiting.length || "";
  byId("pending").replaceChildren(...(waiting.length
    ? waiting.map((payment) => deal(payment)) : [make("p.empty", word("nothing_pending"))]));
  const others = payments.filter((payment) => payment.status !== "processing").slice(0, SHOWN);
  byId("payments").replaceChildren(...others.map((payment) => make("li",
    make("b", money(payment)), make("span", `${methodName(payment.method)} · ${payment.reference}`, { title: payment.id }),
    make(`span.st.${payment.status}`, payment.status === "requires_action" ? "3-D Secure" : word(payment.status)))));
}

function deal(payment) {
  const why = make("select", { onchange: (event) => { reason = event.target.value; } },
    REASONS.map((name) => make("option", { value: name, selected: name === reason }, words().why[name])));
  const buttons = ["approve", "decline"].map((decision) => make(`button.btn.${decision === "approve" ? "yes" : "no"}`,
    { type: "button" }, word(decision)));
  const decide = async (decision) => {
    for (const button of buttons) button.disabled = true;
    try {
      await sandbox.decide(payment.id, decision, decision === "decline" ? why.value : undefined);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      toast(error.message || word("failed"));
      for (const button of buttons) button.disabled = false;
    }
  };
  buttons[0].addEventListener("click", () => decide("approve"));
  buttons[1].addEventListener("click", () => decide("decline"));
  return make("div.deal",
    make("p.row", make("span.sum", money(payment)), make("span.wait", `${word("pending")} · ${clock(payment.created * 1000)}`)),
    make("p.what", `${methodName(payment.method)} · ${payment.reference}`),
    make("div.two", buttons),
    make("label", word("because"), why));
}
