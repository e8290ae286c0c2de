// The demo page: who is signed in, the assistant, the phone and the telephone, the bank, the mailbox, the log.

import { Failed, sandbox } from "./api.js";
import { drawBank } from "./bank.js";
import { drawTelephone, telephone } from "./call.js";
import { byId, make, toast } from "./dom.js";
import { drawMails, forgetMails, onRead } from "./mailbox.js";
import { drawPhone, looked, sendText } from "./phone.js";
import { chips, mark, Stopped, stop, until } from "./play.js";
import { drawScenes } from "./scenes.js";
import { drawTour, forgetTour, step } from "./tour.js";
import { speak, word, words } from "./words.js";

let customers = [];
let customer = null; // who is signed in
let turns = 0; // that the assistant has answered

// ---------------------------------------------------------------------------------------------- who is signed in

function signIn(key) {
  stop();
  customer = customers.find((one) => one.key === key) ?? customers[0];
  byId("customer").value = customer.key;
  history.replaceState(null, "", `#${customer.key}`);
  window.Remit.reset?.();
  use(customer.language);
  listen();
}

// The assistant is here as on any portal: one tag, and a function that vouches for who is signed in.
function embed() {
  window.Remit = { token: async () => (await sandbox.portalToken(customer.key)).token };
  document.body.append(make("script", { src: "/widget.js", "data-into": "#assistant" }));
}

function use(language) {
  speak(language);
  drawAround();
  draw();
}

function drawAround() {
  byId("ideas").title = words().about[customer.key] ?? "";
  for (const [id, names] of [["travel", words().travels], ["decides", words().decisions]]) {
    byId(id).replaceChildren(...Object.entries(names).map(([how, name]) => make("option", { value: how }, name)));
  }
  tour();
  const ideas = words().ideas[customer.key] ?? [];
  byId("ideas").replaceChildren(...chips(playable(), acts), ...ideas.map((idea) => make("li", make("button.chip", { type: "button", onclick: () => say(idea) }, idea))));
  byId("test-cards").replaceChildren(...Object.entries(words().cards).map(([number, what]) => make("li",
    make("button", { type: "button", onclick: () => copy(number), "aria-label": `${word("copy")} ${number}: ${what}` }, make("code", number), make("span", what)))));
  mark();
}

// ------------------------------------------------------------------------------- conversations that play by themselves

const playable = () => (words().plays[customer.key] ?? []).filter(([, lines]) => customer.phone || lines.every(([act]) => !["text", "call"].includes(act)));

// Each resolves when it is answered.
const acts = {
  ready: () => set("decides", "at_once"),
  async chat(text) {
    const before = turns;
    say(text);
    await until(() => turns > before);
  },
  async text(body) {
    pane("phone");
    const received = () => latest.texts.filter(({ direction }) => direction === "out");
    const before = received().length;
    const last = received().at(-1)?.body ?? "";
    // The code or the quote's two digits, as they were texted.
    await sendText(body.replace("[code]", () => last.match(/\b\d{6}\b/)?.[0] ?? "").replace("[pay]", () => last.match(/(?:Reply|Répondez) (\d\d)\b/)?.[1] ?? ""));
    await until(() => received().length > before);
  },
  async call() {
    pane("call");
    if (telephone.isOn) await telephone.hangUp();
    await telephone.place();
  },
  keys: (digits) => onTheLine(() => telephone.keys(digits.replace("[account]", customer.account).replace("[pin]", customer.pin))),
  speech: (text) => onTheLine(() => telephone.say(text)),
  hang_up: () => onTheLine(telephone.hangUp),
  async bank() {
    pane("bank");
    const button = await until(() => document.querySelector(".btn.yes"));
    button.click();
    await until(() => !document.querySelector(".deal"));
  },
  async receipt() {
    pane("mail");
    (await until(() => letter(".unread"))).click();
    await until(() => byId("letter").open);
  },
};

// The newest to whoever is signed in; the account's other people get theirs in their own language.
function letter(kind = "") {
  return [...document.querySelectorAll(`#mails button${kind}`)].find(({ textContent }) => textContent.includes(customer.email));
}

async function onTheLine(does) {
  if (!telephone.isOn) throw new Stopped(word("play_stuck"));
  await does();
}

// The next step lights up; pressing one does it. The bank waits then, so that there is something to see.
function tour() {
  drawTour([
    () => say(words().ideas[customer.key][0]),
    async () => { await set("decides", "when_told"); say(words().ideas[customer.key][1]); },
    () => { pane("bank"); soon(() => document.querySelector(".btn.yes"), (yes) => yes.focus()); },
    () => { pane("mail"); soon(letter, (newest) => newest.click()); },
  ]);
}

// What may be on its way still; where there is nothing, nothing happens.
function soon(look, does) { until(() => look(), { patience: 5000 }).then(does, () => {}); }

function say(text) {
  pane("chat");
  window.Remit.open?.({ say: text });
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

async function set(what, how) {
  try {
    await sandbox[what](how);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    toast(error.message || word("failed"));
  }
}

let events = null;
let latest = null;

// One stream for the whole page; the browser comes back to it by itself.
function listen() {
  events?.close();
  latest = null;
  events = new EventSource(`api/stream?customer=${encodeURIComponent(customer.key)}`);
  events.addEventListener("message", ({ data }) => { latest = JSON.parse(data); draw(); });
}

function draw() {
  if (!latest) return;
  const { payments, mails, texts, scenes } = latest;
  drawBank(payments);
  drawMails(mails);
  drawPhone(customer, texts);
  drawTelephone(customer);
  drawScenes(scenes);
  for (const id of ["travel", "decides"]) if (document.activeElement !== byId(id)) byId(id).value = latest[id] || "at_once";
  if (payments.length) step(2);
  if (payments.some(({ status }) => ["succeeded", "declined"].includes(status))) step(3);
  tour();
}

byId("start-over").addEventListener("click", async ({ currentTarget: button }) => {
  button.disabled = true;
  button.textContent = word("starting_over");
  try {
    await sandbox.startOver();
    forgetMails();
    forgetTour();
    signIn(customer.key);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    toast(error.message || word("failed"));
  }
  button.disabled = false;
  button.textContent = word("start_over");
});

// ------------------------------------------------------------------------------------------- parts, on a small screen

for (const button of document.querySelectorAll("[data-closes]")) {
  button.addEventListener("click", () => byId(button.dataset.closes).close());
}

function pane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll("[data-shows]")) {
    button.setAttribute("aria-pressed", String(button.dataset.shows === name));
  }
  if (name === "phone") looked();
}

for (const button of document.querySelectorAll("[data-shows]")) button.addEventListener("click", () => pane(button.dataset.shows));

// ------------------------------------------------------------------------------------------------------------ begin

onRead(() => { step(4); tour(); });
byId("open-cards").addEventListener("click", () => byId("cards").showModal());
for (const id of ["travel", "decides"]) byId(id).addEventListener("change", ({ target }) => set(id, target.value));
byId("customer").addEventListener("change", ({ target }) => signIn(target.value));
document.addEventListener("remit:turn", () => { turns += 1; step(1); tour(); });
document.addEventListener("remit:language", ({ detail }) => use(detail.language));

({ customers } = await sandbox.customers());
byId("customer").replaceChildren(...customers.map(({ key, name, account }) => make("option", { value: key }, `${name} · ${account}`)));
embed();
signIn(location.hash.slice(1));
