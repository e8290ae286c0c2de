// The dashboard: asks the account API every few seconds while someone looks, and at once when a payment has settled.

import { byId, fill, make } from "./dom.js";

const LOOKS_EVERY_MS = 4000;
const FIRST_LINES = 8;
const MARKS = { visa: "VISA", mastercard: "MC", amex: "AMEX", discover: "DISC" };
const texts = JSON.parse(byId("texts").textContent);
const language = document.documentElement.lang;
const locale = `${language}-CA`;

const say = (name, ...values) => texts[name].replace(/\{\}/g, () => values.shift());
const day = (iso, month = "long") =>
  new Date(`${iso}T12:00`).toLocaleDateString(locale, { day: "numeric", month, year: "numeric" }).replace(/^1 /, "1er ");

let session; // the bearer token of a chat session
let etag;
let account; // what is shown
let shown = "all";
let everything = false;

// ---------------------------------------------------------------------------------------------------- asking

async function signIn() {
  const token = await window.Remit.token();
  const answer = await fetch("/api/chat/sessions", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
  });
  if (!answer.ok) throw new Error(`no session: ${answer.status}`);
  session = (await answer.json()).token;
}

// A session ends after half an hour without a word: then a new one is opened, once.
async function ask(again = true) {
  if (!session) await signIn();
  const headers = { Authorization: `Bearer ${session}`, ...(etag && { "If-None-Match": etag }) };
  const answer = await fetch(`/api/account?lang=${language}`, { headers, cache: "no-store" });
  if (answer.status === 401 && again) {
    session = undefined;
    return ask(false);
  }
  if (answer.status === 304) return null;
  if (!answer.ok) throw new Error(`no account: ${answer.status}`);
  etag = answer.headers.get("ETag");
  return answer.json();
}

let asking;
let wanted = false;
function refresh() {
  if (asking) { wanted = true; return asking; } // what settles meanwhile is asked for right after
  asking = look().finally(() => {
    asking = undefined;
    if (wanted) { wanted = false; refresh(); }
  });
  return asking;
}

async function look() {
  try {
    const told = await ask();
    byId("trouble").hidden = true;
    if (told) show(told);
  } catch {
    byId("trouble").textContent = say(account ? "stale" : "unreachable");
    byId("trouble").hidden = false;
  }
}

// ---------------------------------------------------------------------------------------------------- showing

function show(told) {
  if (account && account.balance.minor !== told.balance.minor) {
    byId("news").textContent = say("changed", told.balance.text);
    byId("figures").classList.remove("changed");
    requestAnimationFrame(() => byId("figures").classList.add("changed"));
  }
  account = told;
  showBalance(told);
  showUnderWay(told.under_way);
  fill(byId("last-payment"), lastPayment(told.last_payment));
  fill(byId("auto-pay"), make("p.what", make("span.chip", say(`auto_pay_${told.auto_pay.status}`))), make("p", say("auto_pay_note")));
  fill(byId("method"), methods(told.payment_methods));
  fill(byId("address"), addressLines(told.billing_address));
  showLines();
  byId("figures").removeAttribute("aria-busy");
}

function showBalance({ balance, past_due: late, past_due_since: since, next_due: next, open_invoices: count }) {
  const [, sum, credit] = balance.text.match(/^(.*?)( \(.*\))?$/);
  fill(byId("balance"), sum, credit && make("small", credit));
  const note = balance.minor < 0 ? say("credit_note") : balance.minor === 0 ? say("nothing_due")
    : late.minor > 0 ? [make("span.chip.late", say("past_due", late.text)), " ", make("span", say("since", day(since)))] : say("none_past_due");
  fill(byId("balance-note"), note);
  fill(byId("next-due"), next ? day(next) : say("no_due"));
  fill(byId("open-invoices"), String(count));
}

function showUnderWay(payment) {
  byId("under-way").hidden = !payment;
  const text = payment ? say("under_way", payment.amount.text) : "";
  if (byId("under-way").textContent !== text) byId("under-way").textContent = text; // said once, not at every look
}

function lastPayment(payment) {
  if (!payment) return make("p.what", say("no_payment"));
  return [
    make("p.what", payment.amount.text),
    make("p", [day(payment.on), payment.method?.text].filter(Boolean).join(" · ")),
    payment.pdf && make("p", make("a", { href: payment.pdf, target: "_blank", rel: "noopener" }, say("receipt"))),
  ];
}

function methods([first, ...others]) {
  if (!first) return [make("p.what", say("no_method")), make("p", say("no_method_note"))];
  const facts = [first.expires && say("expires", first.expires), others.length > 0 && say("more_methods", others.length)];
  return [
    make("p.what", make("span.mark", { "aria-hidden": "true" }, mark(first)), capital(first.text)),
    make("p", facts.filter(Boolean).join(" · ")),
  ];
}

const mark = ({ kind, brand }) => (kind === "bank_debit" ? say("bank_mark") : MARKS[brand] ?? say("card_mark"));
const capital = (text) => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);

function addressLines({ name, line1, line2, city, region, postal_code: code }) {
  const lines = [line1, line2, [city, region, code].filter(Boolean).join(" ")].filter(Boolean);
  return [make("p.what", name ?? account.account.name), ...lines.map((line) => make("p", line))];
}

// ---------------------------------------------------------------------------------------------------- the table

function showLines() {
  const lines = account.transactions.filter(({ kind }) => shown === "all" || (kind === "invoice") === (shown === "invoice"));
  const listed = everything ? lines : lines.slice(0, FIRST_LINES);
  const rows = listed.map(row);
  fill(byId("lines"), rows.length ? rows : make("tr", make("td.empty", { colspan: "5" }, say("nothing_yet"))));
  byId("more").hidden = listed.length === lines.length;
  byId("more").textContent = say("show_all", lines.length);
}

function row(line) {
  const name = say(line.kind, line.label);
  const late = line.kind === "invoice" && line.state === "open" && line.due < account.as_of;
  const state = late ? say("late") : line.state_text;
  const style = late ? "late" : { open: "open", declined: "late", processing: "open", pending: "open" }[line.state] ?? "done";
  const due = line.kind === "invoice" && line.state === "open" && say("due", day(line.due, "short"));
  return make("tr",
    make("td.on", make("time", { datetime: line.on }, day(line.on, "short"))),
    make("th", { scope: "row" },
      named(line),
      make("small", make("span.only-small", day(line.on, "short")), due && make("span", due), make(`span.only-small.${style}`, state))),
    make("td.state", make(`span.chip.${style}`, state)),
    make("td.money", line.kind === "invoice" ? line.amount.text : signed(line)),
    make("td.paper", line.pdf && make("a.pdf", { href: line.pdf, target: "_blank", rel: "noopener", "aria-label": say("pdf_of", name) }, say("pdf"))));
}

// An invoice's number and a reference stay in one piece; a credit's reason is a text.
function named({ kind, label }) {
  if (kind === "credit") return make("span", say(kind, label));
  const [before, after] = texts[kind].split("{}");
  return make("span", before, make("span.whole", label), after);
}

// What lowered the balance has a minus; what was declined or waits did nothing to it yet.
function signed({ kind, amount, state }) {
  const counts = kind === "credit" || (kind === "payment" && state === "succeeded");
  return counts ? `−${amount.text}` : amount.text;
}

// ---------------------------------------------------------------------------------------------------- doing

function open(words) {
  if (typeof window.Remit?.open !== "function") { byId("no-assistant").hidden = false; return; }
  byId("no-assistant").hidden = true;
  window.Remit.open({ say: words });
}

byId("pay").addEventListener("click", () => open(texts.pay_say));
byId("why").addEventListener("click", () => open(texts.why_say));
byId("customer").addEventListener("change", () => byId("who").submit());
byId("more").addEventListener("click", () => {
  everything = true;
  showLines();
  byId("lines").rows[FIRST_LINES]?.querySelector("a")?.focus(); // the button is gone; reading goes on where it was
});
for (const button of document.querySelectorAll("[data-shows]")) {
  button.addEventListener("click", () => {
    shown = button.dataset.shows;
    for (const other of document.querySelectorAll("[data-shows]")) other.setAttribute("aria-pressed", String(other === button));
    if (account) showLines();
  });
}
document.addEventListener("remit:settled", refresh);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(() => { if (!document.hidden) refresh(); }, LOOKS_EVERY_MS);
refresh();
