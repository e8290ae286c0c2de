// The demo page: who is signed in, the conversation, the phone, the bank, the mailbox.

import { Failed, sandbox } from "./api.js";
import { drawBank } from "./bank.js";
import { Conversation, broken, onTyped } from "./conversation.js";
import { byId, make, toast } from "./dom.js";
import { drawMails, forgetMails } from "./mailbox.js";
import { drawPhone, looked, onTexted } from "./phone.js";
import { word, words } from "./words.js";

const POLL_MS = 2000;
const CLOSE_AFTER_MS = 2500;
let customers = [];
let conversation = null;

// ---------------------------------------------------------------------------------------------- who is signed in

async function signIn(key, { afresh = false } = {}) {
  conversation?.end();
  const customer = customers.find((one) => one.key === key) ?? customers[0];
  byId("customer").value = customer.key;
  history.replaceState(null, "", `#${customer.key}`);
  conversation = new Conversation(customer, { openPage, onLanguage: () => drawAround(customer), onTurn: refresh });
  try {
    await conversation.begin({ afresh });
  } catch (error) {
    broken(error);
    if (!(error instanceof Failed)) throw error;
  }
  await refresh();
}

function drawAround(customer) {
  byId("signed-in").textContent = word("signed_in", customer.name);
  byId("about").textContent = words().about[customer.key] ?? "";
  const ideas = words().ideas[customer.key] ?? [];
  byId("ideas").replaceChildren(...ideas.map((idea) => make("li", make("button.chip", { type: "button", onclick: () => say(idea) }, idea))));
  byId("test-cards").replaceChildren(...Object.entries(words().cards).map(([number, what]) => make("li",
    make("button", { type: "button", onclick: () => copy(number), "aria-label": `${word("copy")} ${number}: ${what}` }, make("code", number), make("span", what)))));
}

function say(text) {
  pane("chat");
  conversation.sayText(text);
}

async function copy(number) {
  try {
    await navigator.clipboard.writeText(number);
    toast(word("copied", number));
  } catch {
    toast(number); // no clipboard without https or loopback: it can be read off at least
  }
}

// ---------------------------------------------------------------------------------------------- bank, mailbox, phone

async function refresh() {
  if (!conversation) return;
  const { key } = conversation.customer;
  try {
    const { payments, mails, texts } = await sandbox.state(key);
    if (key !== conversation.customer.key) return;
    drawBank(payments, { refresh });
    drawMails(mails);
    drawPhone(conversation.customer, texts);
  } catch (error) {
    if (!(error instanceof Failed)) throw error; // the next round tries again
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, POLL_MS);
}

byId("start-over").addEventListener("click", async ({ currentTarget: button }) => {
  button.disabled = true;
  button.textContent = word("starting_over");
  try {
    await sandbox.startOver();
    forgetMails();
    sessionStorage.clear();
    await signIn(conversation.customer.key, { afresh: true });
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    toast(error.message || word("failed"));
  }
  button.disabled = false;
  button.textContent = word("start_over");
});

// ------------------------------------------------------------------------------------------------- the secure page

function openPage(url) {
  byId("page-body").replaceChildren(make("iframe", { src: url, title: word("secure_page"), allow: "payment" }));
  byId("page").showModal();
}

window.addEventListener("message", ({ data, source }) => {
  const frame = byId("page-body").querySelector("iframe");
  if (!frame || source !== frame.contentWindow || data?.type !== "done" || data.state === "requires_action") return;
  if (["remit-pay", "sandbox-bank"].includes(data.source)) setTimeout(() => { if (frame.isConnected) byId("page").close(); }, CLOSE_AFTER_MS);
});

byId("page").addEventListener("close", () => {
  byId("page-body").replaceChildren();
  byId("say").focus();
});
for (const button of document.querySelectorAll("[data-closes]")) {
  button.addEventListener("click", () => byId(button.dataset.closes).close());
}

// ------------------------------------------------------------------------------------------- parts, on a small screen

function pane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll("[data-shows]")) {
    button.setAttribute("aria-pressed", String(button.dataset.shows === name));
  }
  if (name === "chat") byId("log").scrollTop = byId("log").scrollHeight; // it could not scroll while it was hidden
  if (name === "phone") looked();
}

for (const button of document.querySelectorAll("[data-shows]")) button.addEventListener("click", () => pane(button.dataset.shows));

// ------------------------------------------------------------------------------------------------------------ begin

onTyped((text) => conversation.sayText(text));
onTexted(refresh);
byId("customer").addEventListener("change", ({ target }) => signIn(target.value, { afresh: true }));

({ customers } = await sandbox.customers());
byId("customer").replaceChildren(...customers.map(({ key, name, account }) => make("option", { value: key }, `${name} · ${account}`)));
await signIn(location.hash.slice(1) || customers[0].key);
poll();
