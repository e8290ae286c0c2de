// The customer's phone: the thread with the service, and what is typed into it.

import { Failed, sandbox } from "./api.js";
import { clock } from "./format.js";
import { byId, make, toast } from "./dom.js";
import { word } from "./words.js";

const LINK = /https?:\/\/[^\s<>"]*[^\s<>".,;:!?)]/g;
const thread = byId("texts");
const field = byId("text");
let bubbles = new Map(); // by the text's id
let seen = 0; // the newest id that was shown while one could look
let number = null;

export function drawPhone({ phone }, texts) {
  for (const node of document.querySelectorAll("[data-needs-phone]")) node.hidden = !phone;
  if (!phone) return;
  if (phone !== number || (bubbles.size && !bubbles.has(texts[0]?.id))) forget();
  number = phone;
  byId("phone-tag").textContent = phone.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "$1 $2-$3");
  const near = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 120;
  const before = bubbles.size;
  const newestOwn = texts.findLast((text) => text.direction === "in")?.id;
  for (const text of texts) draw(text, text.id === newestOwn);
  byId("no-texts").hidden = texts.length > 0;
  if (near && bubbles.size > before) thread.scrollTop = thread.scrollHeight;
  count(texts);
}

export function looked() {
  seen = Math.max(seen, ...bubbles.keys());
  byId("text-count").textContent = "";
  thread.scrollTop = thread.scrollHeight; // it could not scroll while it was hidden
}

byId("text-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = field.value.trim();
  field.value = "";
  if (body) sendText(body);
});

export async function sendText(body) {
  thread.scrollTop = thread.scrollHeight;
  try {
    await sandbox.text(number, body);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    field.value ||= body;
    toast(error.message || word("failed"));
  }
}

function forget() {
  bubbles = new Map();
  thread.replaceChildren();
  seen = 0;
}

// A bubble stays the node it is: a log made anew would be read out anew.
function draw(text, isNewestOwn) {
  let bubble = bubbles.get(text.id);
  if (!bubble) {
    const own = text.direction === "in";
    const words = text.media.length ? `${text.body} ${word("pictures", text.media.length)}`.trim() : text.body;
    bubble = make("div.text", make(own ? "p.u" : "p.b", make("span.sr", own ? word("you") : word("them")), ...linked(words)), make("small"));
    bubble.classList.toggle("own", own);
    bubbles.set(text.id, bubble);
    thread.append(bubble);
  }
  const lost = text.error_code !== null;
  bubble.classList.toggle("lost", lost);
  const said = mark(text, isNewestOwn);
  if (bubble.lastChild.textContent !== said) bubble.lastChild.textContent = said;
}

function mark({ direction, at, error_code: code, num_segments: parts }, isNewestOwn) {
  if (direction === "in") return code === null ? (isNewestOwn ? `✓ ${word("delivered")}` : "") : word("not_taken", code);
  if (code !== null) return word("not_delivered", code);
  return parts > 1 ? `${clock(at)} · ${word("segments", parts)}` : clock(at);
}

function linked(text) {
  const parts = [];
  let end = 0;
  for (const { 0: url, index } of text.matchAll(LINK)) {
    parts.push(text.slice(end, index), make("a", { href: url, target: "_blank", rel: "noopener" }, url));
    end = index + url.length;
  }
  return [...parts, text.slice(end)];
}

function count(texts) {
  if (document.body.dataset.pane === "phone") seen = Math.max(seen, ...bubbles.keys());
  const unread = texts.filter((text) => text.direction === "out" && text.id > seen).length;
  byId("text-count").textContent = unread || "";
}
