// Pay: the figures are quoted by the server, the card goes to the gateway's own frame, one press of Pay is sent once.

import {
  byId, clearMarks, details, finish, finishUnknown, here, mark, markFields, missing, page, post, problem, show, texts,
} from "./form.js";

const submit = byId("submit");
const amount = byId("amount");
const frame = byId("fields");
const gateway = new URL(page.fields).origin;
const TOKEN_WAIT_MS = 15000;
const FRAME_WAIT_MS = 10000;
const TYPING_PAUSE_MS = 700;
let quote = null;
let quoted = "";
let asked = 0;
let frameReady = false;
let paying = false;
let waiting = null;

function refresh() {
  submit.disabled = paying || !quote || !frameReady;
  submit.textContent = paying ? texts.paying : quote ? `${texts.pay} ${quote.amount.text}` : texts.pay;
  submit.setAttribute("aria-busy", paying ? "true" : "false");
}

// -------------------------------------------------------------------------------------------------- the figures

async function requote(wanted = amount.value.trim()) {
  const mine = ++asked;
  quote = null;
  quoted = wanted;
  refresh();
  if (!wanted) return drawQuote(null);
  const { ok, body } = await post(`${here}/quote`, { amount: wanted });
  if (mine !== asked) return;
  if (ok) {
    mark("amount", "");
    quote = body.quote;
    return drawQuote(body);
  }
  quoted = "";
  drawQuote(null);
  const error = body?.error;
  if (error?.code === "payment_under_way" || error?.code?.startsWith("link_")) return stop(error.message);
  mark("amount", error?.message ?? texts.offline);
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

// ------------------------------------------------------------------------------------------- the gateway's frame

window.addEventListener("message", ({ origin, source, data }) => {
  if (origin !== gateway || source !== frame.contentWindow || typeof data?.type !== "string") return;
  if (data.type === "ready") { frameReady = true; mark("card", ""); refresh(); }
  if (data.type === "height" && data.height > 0 && data.height < 2000) frame.height = Math.ceil(data.height);
  if (data.type === "submit") byId("form").requestSubmit();
  if (["token", "invalid", "error"].includes(data.type)) waiting?.(data);
});

frame.src = page.fields; // only now: its first message must not come before there is somebody to hear it
setTimeout(() => { if (!frameReady) mark("card", texts.no_fields); }, FRAME_WAIT_MS);

function tokenize() {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ type: "error", message: texts.no_fields }), TOKEN_WAIT_MS);
    waiting = (data) => { clearTimeout(timer); waiting = null; resolve(data); };
    frame.contentWindow.postMessage({ type: "tokenize" }, gateway);
  });
}

// ---------------------------------------------------------------------------------------------------------- pay

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (submit.disabled) return;
  clearMarks();
  if (missing()) return;
  const shown = quote;
  paying = true;
  refresh();
  const card = await tokenize();
  if (card.type !== "token") {
    if (card.type === "error") mark("card", card.message);
    return again();
  }
  if (quote !== shown) return again(); // another amount was typed meanwhile: that was not agreed to
  const { ok, status, body } = await post(here, {
    quote_id: shown.id, token: card.token, save: byId("save").checked, ...details(),
  });
  if (ok) return finish(body);
  if (!body?.error || status >= 500) return finishUnknown();
  return refused(body);
});

function again() {
  paying = false;
  refresh();
}

function refused({ error, proposed }) {
  again();
  if (error.code === "payment_under_way" || error.code.startsWith("link_")) return stop(error.message);
  problem(error.message);
  markFields(error.fields ?? {});
  if (error.code.startsWith("quote_")) {
    if (proposed !== undefined) amount.value = proposed;
    requote();
  }
}

refresh();
if (!page.blocked) requote();
