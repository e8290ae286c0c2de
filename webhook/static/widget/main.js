// The widget's frame: the conversation, the secure page over it, and what the page around wants.

import { Failed } from "./api.js";
import { Conversation, online } from "./conversation.js";
import { byId, make } from "./dom.js";
import { listenToHost, tellHost } from "./host.js";
import { speak, word } from "./words.js";

const CLOSE_AFTER_MS = 2500;
const field = byId("say");
let conversation = null;
let visible = false;
let unread = 0;

function start() {
  conversation = new Conversation({ openPage, onLanguage: nameThings, onNews: news });
  return conversation.begin().then(() => {
    field.disabled = byId("send").disabled = byId("other-language").disabled = false;
    tellHost("ready");
    if (visible) field.focus();
  }, (error) => {
    if (!(error instanceof Failed)) throw error;
    online("ended");
    const again = make("button.reply.first", { type: "button", onclick: () => { byId("log").replaceChildren(); start(); } }, word("again"));
    byId("log").append(make("p.note", error.message || word("no_answer")), make("div.replies", again));
  });
}

function nameThings() { byId("other-language").lang = document.documentElement.lang === "fr" ? "en" : "fr"; }

function news() {
  if (visible) return;
  unread += 1;
  tellHost("unread", { count: unread });
}

// ------------------------------------------------------------------------------------------------ what is written

byId("say-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text || byId("send").disabled) return;
  field.value = "";
  conversation.sayText(text);
});
byId("other-language").addEventListener("click", () => conversation.sayText(word("other_words")));
byId("go-on").addEventListener("click", () => {
  conversation.sayText(word("go_on_words"));
  field.focus();
});
// Hidden, it could not scroll: shown again, it stands at what was said last.
let height = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (!height && contentRect.height) byId("log").scrollTop = byId("log").scrollHeight;
  height = contentRect.height;
}).observe(byId("log"));
byId("leave").addEventListener("click", () => tellHost("close"));
document.addEventListener("keydown", ({ key }) => { if (key === "Escape" && !byId("page").open) tellHost("close"); });

// ------------------------------------------------------------------------------------------------- the secure page

function openPage(url) {
  byId("page-body").replaceChildren(make("iframe", { src: url, title: word("secure_page"), allow: "payment" }));
  byId("page").showModal();
}

window.addEventListener("message", ({ data, source, origin }) => {
  const frame = byId("page-body").querySelector("iframe");
  if (!frame || source !== frame.contentWindow || origin !== location.origin) return;
  if (data?.type === "done" && data.state !== "requires_action") setTimeout(() => { if (frame.isConnected) byId("page").close(); }, CLOSE_AFTER_MS);
});
byId("page").addEventListener("close", () => {
  byId("page-body").replaceChildren();
  field.focus();
});
byId("close-page").addEventListener("click", () => byId("page").close());

// ------------------------------------------------------------------------------------------------------------ begin

speak(document.documentElement.lang);
if (window.parent === window) byId("log").append(make("p.note", word("no_host")));
listenToHost({
  hello({ inside, theme }) {
    byId("leave").hidden = Boolean(inside);
    visible = Boolean(inside);
    for (const [name, value] of Object.entries(theme ?? {})) document.documentElement.style.setProperty(`--remit-${name}`, String(value));
    start();
  },
  say: (text) => conversation?.sayText(text),
  shown(now) {
    visible = now;
    if (!visible) return;
    unread = 0;
    tellHost("unread", { count: 0 });
    if (!field.disabled) field.focus();
  },
});
