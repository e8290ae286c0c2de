// The conversation: one turn at a time, what arrives outside a turn shown after it, nothing shown twice.

import { Failed, chat, listen, sandbox } from "./api.js";
import { drawCard } from "./cards.js";
import { byId, make, toast } from "./dom.js";
import { speak, word, words } from "./words.js";

const log = byId("log");
const quick = byId("quick");
const field = byId("say");
const KEPT = "remit-demo"; // this tab's session, so that a reload goes on with it

export class Conversation {
  constructor(customer, { openPage, onLanguage, onTurn }) {
    this.customer = customer;
    this.openPage = openPage;
    this.onLanguage = onLanguage;
    this.onTurn = onTurn;
    this.busy = false;
    this.late = []; // events that came during a turn
    this.seen = new Set();
    this.stop = new AbortController();
  }

  async begin({ afresh }) {
    log.replaceChildren();
    quick.replaceChildren();
    online("connecting");
    speak(this.customer.language);
    this.onLanguage();
    if (!(afresh ? null : await this.resume())) await this.open();
    listen(this.token, this.lastId, {
      onEvent: (id, kind, payload) => this.arrived(id, kind, payload), onState: (state) => this.connection(state), signal: this.stop.signal,
    });
  }

  end() { this.stop.abort(); }

  async open() {
    const { token: portal } = await sandbox.portalToken(this.customer.key);
    const opened = await chat.open(portal);
    this.token = opened.token;
    this.lastId = 0;
    this.keep();
    this.language(opened.language);
    this.show(opened.messages);
  }

  async resume() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (kept?.customer !== this.customer.key) return false;
    try {
      const { entries, last_event_id: lastId } = await chat.history(kept.token);
      this.token = kept.token;
      this.lastId = lastId;
      this.language(kept.language);
      for (const entry of entries) {
        if (entry.kind === "turn") this.said(entry.said);
        this.show(entry.kind === "turn" ? entry.messages : [entry.payload]);
      }
      return true;
    } catch (error) {
      if (error instanceof Failed && error.status === 401) return false;
      throw error;
    }
  }

  keep() {
    const { token } = this;
    sessionStorage.setItem(KEPT, JSON.stringify({ customer: this.customer.key, token, language: this.spoken }));
  }

  language(spoken) {
    if (spoken === this.spoken) return;
    this.spoken = spoken;
    this.keep();
    speak(spoken);
    this.onLanguage();
  }

  // ------------------------------------------------------------------------------------------------- a turn

  sayText(text) { return this.turn({ text }, text); }

  press(button) { return this.turn({ button: button.id }, button.title); }

  async turn(what, shown) {
    if (this.busy) return;
    this.busy = true;
    byId("send").disabled = true;
    const retired = retire();
    const bubble = this.said(shown);
    const typing = make("div.b.typing", make("span.sr", word("writing")), make("i"), make("i"), make("i"));
    put(typing);
    const turn = { id: crypto.randomUUID?.() ?? `m-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`, ...what };
    try {
      const answer = await chat.send(this.token, turn);
      typing.remove();
      this.language(answer.language);
      this.show(answer.messages);
    } catch (error) {
      typing.remove();
      if (!(error instanceof Failed)) throw error;
      this.refused(error, bubble, what.text, retired);
    } finally {
      this.busy = false;
      byId("send").disabled = false;
      for (const [id, kind, payload] of this.late.splice(0)) this.arrived(id, kind, payload);
      this.onTurn();
    }
  }

  refused(error, bubble, text, retired) {
    if (error.status === 401) return this.connection("ended");
    for (const restore of retired) restore();
    bubble.classList.add("failed");
    put(make("p.note", error.message || word("no_answer")));
    if (text && !field.value) field.value = text;
    return undefined;
  }

  // ------------------------------------------------------------------------------------------ outside a turn

  arrived(id, kind, payload) {
    if (this.seen.has(id)) return;
    if (this.busy) { this.late.push([id, kind, payload]); return; }
    this.seen.add(id);
    if (kind === "message") {
      retire();
      for (const button of log.querySelectorAll(".open")) button.disabled = true; // the page it led to is done with
      this.show([payload]);
    }
    this.onTurn();
  }

  connection(state) {
    online(state);
    if (state !== "ended" || this.stop.signal.aborted) return;
    this.end();
    retire();
    sessionStorage.removeItem(KEPT);
    const again = make("button.reply.first", { type: "button", onclick: () => this.restart() }, word("again"));
    put(make("p.note", word("ended")));
    put(make("div.replies", again));
  }

  async restart() {
    this.stop = new AbortController();
    this.spoken = undefined;
    this.seen.clear();
    await this.begin({ afresh: true });
  }

  // ------------------------------------------------------------------------------------------------- showing

  said(text) { return put(make("p.u", make("span.sr", word("you")), text)); }

  show(messages) {
    for (const message of messages ?? []) this.showOne(message);
    ideas(this);
  }

  showOne({ text, buttons = [], card }) {
    if (text) put(make("p.b", make("span.sr", word("them")), text));
    const drawn = drawCard(card, { buttons, press: (button) => this.press(button), openPage: this.openPage });
    if (drawn) put(drawn);
    const inCard = card?.type === "methods" ? new Set(card.methods.map((method) => method.button)) : new Set();
    const replies = buttons.filter((_, place) => !inCard.has(place)).map((button, place) => make(
      place === 0 && !["methods", "link"].includes(card?.type) ? "button.reply.first" : "button.reply",
      { type: "button", onclick: () => this.press(button) }, button.title));
    if (replies.length) put(make("div.replies", replies));
  }
}

// A button dies after one click, and with the next turn. Returns what brings those back, if the turn is refused.
function retire() {
  const replies = [...log.querySelectorAll(".replies:not([hidden])")];
  const methods = [...log.querySelectorAll(".method:not(:disabled)")];
  for (const node of replies) node.hidden = true;
  for (const node of methods) node.disabled = true;
  return [...replies.map((node) => () => { node.hidden = false; }), ...methods.map((node) => () => {
    node.disabled = false;
    node.setAttribute("aria-pressed", "false");
  })];
}

function put(node) {
  const near = log.scrollHeight - log.scrollTop - log.clientHeight < 160 || node.matches(".u, .typing");
  log.append(node);
  if (near) log.scrollTop = log.scrollHeight;
  return node;
}

function online(state) { byId("online").textContent = state === "ended" ? "" : word(state); }

// What can be said, while nothing has been.
function ideas(conversation) {
  const begun = log.querySelector(".u") !== null;
  const some = begun ? [] : (words().ideas[conversation.customer.key] ?? []).slice(0, 4);
  quick.replaceChildren(...some.map((idea) => make("button.chip", { type: "button", onclick: () => conversation.sayText(idea) }, idea)));
}

byId("say-form").addEventListener("submit", (event) => event.preventDefault());

export function onTyped(send) {
  byId("say-form").addEventListener("submit", () => {
    const text = field.value.trim();
    if (!text || byId("send").disabled) return;
    field.value = "";
    send(text);
  });
}

export function broken(error) {
  online("offline");
  toast(error instanceof Failed && error.message ? error.message : word("no_edge"));
}
