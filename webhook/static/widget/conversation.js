// The conversation: one turn at a time, what arrives outside a turn shown after it, nothing shown twice.

import { Failed, chat, listen } from "./api.js";
import { drawCard } from "./cards.js";
import { byId, make } from "./dom.js";
import { askForToken, tellHost } from "./host.js";
import { speak, word } from "./words.js";

const log = byId("log");
const field = byId("say");
const WARN_MS = 120000; // before a conversation ends for want of a word

export class Conversation {
  constructor({ openPage, onLanguage, onNews }) {
    this.openPage = openPage;
    this.onLanguage = onLanguage;
    this.onNews = onNews; // something came outside a turn
    this.busy = false;
    this.late = []; // events that came during a turn
    this.seen = new Set();
    this.stop = new AbortController();
  }

  async begin({ afresh = false } = {}) {
    log.replaceChildren();
    online("connecting");
    const { token, kept } = await askForToken();
    if (!token) throw new Failed(401, "no_sign_in", word("no_sign_in"));
    this.user = userOf(token);
    if (afresh || kept?.user !== this.user || !(await this.resume(kept))) await this.open(token);
    listen(this.token, this.lastId, {
      onEvent: (id, kind, payload) => this.arrived(id, kind, payload), onState: (state) => this.connection(state), signal: this.stop.signal,
    });
  }

  end() {
    this.stop.abort();
    clearTimeout(this.warning);
  }

  async open(portalToken) {
    const opened = await chat.open(portalToken);
    this.token = opened.token;
    this.lastId = 0;
    this.life = new Date(opened.expires_at) - Date.now();
    this.language(opened.language);
    this.alive();
    this.keep();
    this.show(opened.messages);
  }

  async resume(kept) {
    try {
      const { entries, last_event_id: lastId } = await chat.history(kept.token);
      if (!entries.length) return false; // nothing was said yet: begun anew, so that it is greeted
      this.token = kept.token;
      this.lastId = lastId;
      this.life = kept.life;
      this.language(kept.language);
      this.alive();
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

  // The page around keeps it for this tab, so that a reload goes on with the conversation.
  keep() { tellHost("keep", { kept: { token: this.token, user: this.user, language: this.spoken, life: this.life } }); }

  language(spoken) {
    if (spoken === this.spoken) return;
    this.spoken = spoken;
    if (this.token) this.keep();
    speak(spoken);
    tellHost("language", { language: spoken });
    this.onLanguage();
  }

  // Every turn lets it live on; who says nothing is warned while there is time to.
  alive() {
    clearTimeout(this.warning);
    byId("ends-soon").hidden = true;
    if (this.life > WARN_MS) this.warning = setTimeout(() => { byId("ends-soon").hidden = false; }, this.life - WARN_MS);
  }

  // ------------------------------------------------------------------------------------------------- a turn

  sayText(text) { return this.turn({ text }, text); }

  press(button) { return this.turn({ button: button.id }, button.title); }

  async turn(what, shown) {
    if (this.busy) return;
    this.busy = true;
    byId("send").disabled = true;
    const pressed = log.contains(document.activeElement);
    const retired = retire();
    if (pressed) log.focus({ preventScroll: true }); // what was pressed is gone: Tab goes on to what is asked next
    const bubble = this.said(shown);
    const typing = make("div.b.typing", make("span.sr", word("writing")), make("i"), make("i"), make("i"));
    put(typing);
    const turn = { id: crypto.randomUUID?.() ?? `m-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`, ...what };
    try {
      const answer = await chat.send(this.token, turn);
      typing.remove();
      this.language(answer.language);
      this.alive();
      this.show(answer.messages);
      this.settled(answer.messages);
    } catch (error) {
      typing.remove();
      if (!(error instanceof Failed)) throw error;
      this.refused(error, bubble, what.text, retired);
    } finally {
      this.busy = false;
      byId("send").disabled = false;
      for (const [id, kind, payload] of this.late.splice(0)) this.arrived(id, kind, payload);
      tellHost("turn");
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

  // A page around that shows a balance can look at it again.
  settled(messages) {
    for (const { card } of messages) if (card?.type === "payment") tellHost("settled", { payment: { reference: card.reference, state: card.state } });
  }

  // ------------------------------------------------------------------------------------------ outside a turn

  arrived(id, kind, payload) {
    if (this.seen.has(id)) return;
    if (this.busy) { this.late.push([id, kind, payload]); return; }
    this.seen.add(id);
    if (kind === "message") {
      retire();
      for (const button of log.querySelectorAll("button.open")) button.disabled = true; // the page it led to is done with
      this.show([payload]);
      this.settled([payload]);
      this.onNews();
    }
    tellHost("turn");
  }

  connection(state) {
    online(state);
    if (state !== "ended" || this.stop.signal.aborted) return;
    this.end();
    retire();
    byId("ends-soon").hidden = true;
    tellHost("keep", { kept: null });
    const again = make("button.reply.first", { type: "button", onclick: () => this.restart() }, word("again"));
    put(make("p.note", word("ended")));
    put(make("div.replies", again));
  }

  async restart() {
    this.stop = new AbortController();
    this.seen.clear();
    await this.begin({ afresh: true });
    field.focus();
  }

  // ------------------------------------------------------------------------------------------------- showing

  said(text) { return put(make("p.u", make("span.sr", word("you")), text)); }

  show(messages) {
    for (const message of messages ?? []) this.showOne(message);
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

// Who the portal says it is: only to tell whether a kept conversation is theirs. The service checks the signature.
function userOf(token) {
  try {
    const { sub, account } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return `${account} ${sub}`;
  } catch {
    return "";
  }
}

// A button dies after one click, and with the next turn. Returns what brings those back, if the turn is refused.
function retire() {
  const replies = [...log.querySelectorAll(".replies:not([hidden])")];
  const methods = [...log.querySelectorAll("fieldset.methods:not(:disabled)")];
  for (const node of replies) node.hidden = true;
  for (const node of methods) node.disabled = true;
  return [...replies.map((node) => () => { node.hidden = false; }), ...methods.map((node) => () => { node.disabled = false; })];
}

function put(node) {
  const near = log.scrollHeight - log.scrollTop - log.clientHeight < 160 || node.matches(".u, .typing");
  log.append(node);
  if (near) log.scrollTop = log.scrollHeight;
  return node;
}

export function online(state) { byId("online").textContent = state === "ended" ? "" : word(state); }
