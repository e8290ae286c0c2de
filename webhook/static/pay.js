// Pay: the figures are quoted by the server, the card goes to the gateway's own fields, one press of Pay is sent once.

import { byId, finishUnknown, here, page, post, show, texts } from "./common.js";
import { clearMarks, details, mark, markFields, missing, problem } from "./form.js";
import { conclude } from "./steps.js";

const form = byId("form");
const submit = byId("submit");
const amount = byId("amount");
const save = byId("save");
const CANADIAN_DEBIT = "acss_debit";
const ENTERED_AFTER_PAY = { type: "token", token: "bank_debit_on_page", method: CANADIAN_DEBIT };
const TYPING_PAUSE_MS = 700;
let quote = null;
let quoted = "";
let owedMinor = page.owed_minor; // as it is shown: a quote rests on it
let mandates = {};
let asked = 0;
let fields = null;
let fieldsReady = false;
let broken = false; // the gateway's fields cannot be had
let entered = "card"; // what the gateway's fields would pay with
let paying = false;

const chosen = () => form.querySelector("[name=how]:checked")?.value ?? "card";
const method = () => (chosen() === CANADIAN_DEBIT ? CANADIAN_DEBIT : entered);

function refresh() {
  submit.disabled = paying || !quote || !fieldsReady;
  submit.textContent = paying ? texts.paying : quote ? `${texts.pay} ${quote.amount.text}` : texts.pay;
  submit.setAttribute("aria-busy", paying ? "true" : "false");
  save.disabled = paying; // the token is made for what was ticked
  for (const choice of form.querySelectorAll("[name=how]")) choice.disabled = paying;
}

// -------------------------------------------------------------------------------------------------- the figures

async function requote(wanted = amount.value.trim()) {
  const mine = ++asked;
  quote = null;
  quoted = wanted;
  refresh();
  if (!wanted) return drawQuote(null);
  const { ok, body } = await post(`${here}/quote`, { amount: wanted, owed_minor: owedMinor });
  if (mine !== asked) return;
  if (ok) {
    mark("amount", "");
    ({ quote, mandates } = body);
    tellFields();
    return drawQuote(body);
  }
  quoted = "";
  drawQuote(null);
  const error = body?.error;
  if (error?.code === "payment_under_way" || error?.code?.startsWith("link_")) return stop(error.message);
  if (error?.code === "quote_outdated") return newFigures(body);
  mark("amount", error?.message ?? texts.offline);
}

// Something was paid or billed meanwhile: what is owed now, shown and quoted in place of the old figures.
function newFigures({ error, proposed, owed }) {
  problem(error.message);
  owedMinor = owed.minor;
  byId("owed-amount").textContent = owed.text;
  amount.value = proposed;
  return requote();
}

function drawQuote(answer) {
  show("allocation", Boolean(answer));
  byId("consent").textContent = answer?.consent ?? "";
  const lines = (answer?.quote.invoices ?? []).map((share) => {
    const rest = share.left.minor ? `${share.left.text} ${texts.left}` : texts.paid;
    return line(share.number, share.amount.text, rest);
  });
  if (answer?.quote.credit.minor) lines.push(line(texts.credit, answer.quote.credit.text, ""));
  byId("shares").replaceChildren(...lines);
  drawMethod();
  refresh();
}

function line(name, sum, rest) {
  const item = document.createElement("li");
  for (const [tag, text] of [["span", name], ["b", sum], ["small", rest]]) {
    const part = document.createElement(tag);
    part.textContent = text;
    item.append(part);
  }
  return item;
}

function stop(message) {
  byId("notice").textContent = message;
  show("notice");
  show("form", false);
}

let typing;
amount.addEventListener("input", () => {
  clearTimeout(typing);
  quote = null;
  asked += 1;
  refresh();
  typing = setTimeout(() => requote(), TYPING_PAUSE_MS);
});
amount.addEventListener("change", () => {
  clearTimeout(typing);
  if (amount.value.trim() !== quoted || !quote) requote();
});

// ---------------------------------------------------------------------------------- the gateway's fields, the method

function drawMethod() {
  const kind = method();
  const permission = quote ? mandates[kind] : undefined;
  const debit = kind !== "card";
  show("fields", kind !== CANADIAN_DEBIT && !broken);
  show("never", !debit);
  show("debit-next", kind === CANADIAN_DEBIT);
  show("mandate", Boolean(permission));
  byId("mandate-text").textContent = permission ? permission[save.checked ? "saved" : "once"] : "";
  byId("save-label").textContent = debit ? texts.save_account : texts.save;
  byId("name-label").textContent = debit ? texts.name_account : texts.name;
}

function tellFields() { fields?.update({ minor: quote.amount.minor, save: save.checked }); }

form.addEventListener("change", ({ target }) => {
  if (target.name === "how") mark("card", "");
  if (target.name === "how" || target === save) drawMethod();
  if (target === save && quote) tellFields();
});

const handlers = {
  ready() { found(true, ""); },
  method(kind) { entered = kind; drawMethod(); },
  submit() { form.requestSubmit(); },
  trouble(text) { found(false, text); },
};

function found(fine, text) {
  [fieldsReady, broken] = [fine, !fine];
  mark("card", text);
  drawMethod();
  refresh();
}

async function tokenize(sent) {
  if (method() === CANADIAN_DEBIT) return ENTERED_AFTER_PAY;
  try {
    return await fields.tokenize(sent);
  } catch (error) {
    console.error(error);
    return { type: "error", message: texts.fields_failed };
  }
}

// ---------------------------------------------------------------------------------------------------------- pay

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (submit.disabled) return;
  clearMarks();
  if (missing()) return;
  const agreed = { quote, kind: method(), save: save.checked, sent: details() };
  paying = true;
  refresh();
  const made = await tokenize(agreed.sent);
  if (made.type !== "token") {
    if (made.type === "error") mark("card", made.message);
    return again();
  }
  if (quote !== agreed.quote || made.method !== agreed.kind) return again(); // something else now than what was agreed to
  const { ok, status, body } = await post(here, {
    quote_id: agreed.quote.id, token: made.token, method: made.method, save: agreed.save, ...agreed.sent,
  });
  if (ok) return conclude(body, fields, agreed.sent);
  if (!body?.error || status >= 500) return finishUnknown();
  return refused(body);
});

function again() {
  paying = false;
  drawMethod();
  refresh();
}

function refused(body) {
  const { error } = body;
  again();
  if (error.code === "payment_under_way" || error.code.startsWith("link_")) return stop(error.message);
  if (body.owed) return newFigures(body);
  problem(error.message);
  markFields(error.fields ?? {});
  if (error.code.startsWith("quote_")) requote();
}

refresh();
if (!page.blocked) {
  const { createFields } = await import(`./${page.fields.kind}_fields.js`);
  fields = createFields(page.fields, handlers);
  requote();
}
