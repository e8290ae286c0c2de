// The mailbox: what the service has written to this customer, read in a frame that runs nothing.

import { Failed, sandbox } from "./api.js";
import { clock } from "./format.js";
import { byId, make, toast } from "./dom.js";
import { locale, several, word } from "./words.js";

const read = new Set();
let drawn = "";

export function drawMails(mails) {
  const now = JSON.stringify([mails.map((mail) => mail.id), [...read], document.documentElement.lang]);
  if (now === drawn) return;
  drawn = now;
  const unread = mails.filter((mail) => !read.has(mail.id)).length;
  byId("mail-count").textContent = unread || "";
  byId("mail-tag").textContent = mails.length ? several("mails", mails.length) : "";
  byId("mails").replaceChildren(...(mails.length ? mails.map((mail) => row(mail, mails)) : [make("li", make("p.empty", word("no_mail")))]));
}

let onLetter = () => {};
export function onRead(told) { onLetter = told; }

export function forgetMails() {
  read.clear();
  drawn = "";
}

function row(mail, mails) {
  const isNew = !read.has(mail.id);
  const open = async () => {
    try {
      await show(mail.id);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      toast(error.message || word("failed"));
      return;
    }
    read.add(mail.id);
    drawMails(mails);
  };
  return make("li", make(isNew ? "button.unread" : "button", { type: "button", onclick: open },
    make("b", isNew && make("span.sr", `${word("unread")}: `), mail.subject), make("time", clock(mail.received_at)),
    make("span", mail.recipients.join(", "))));
}

async function show(id) {
  const mail = await sandbox.mail(id);
  byId("letter-title").textContent = mail.subject;
  const facts = [["from", mail.sender], ["to", mail.recipients.join(", ")], ["at", new Date(mail.received_at).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" })]];
  byId("letter-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", word(name)), make("dd", value)]));
  const files = mail.attachments.map(({ name, index }) => make("a", { href: `mailbox/messages/${id}/attachments/${index}`, download: name }, name));
  if (files.length) byId("letter-facts").append(make("dt", word("enclosed")), make("dd", files));
  byId("letter-body").replaceChildren(mail.html
    ? make("iframe", { sandbox: "", title: mail.subject, src: `mailbox/messages/${id}/html` }) : make("pre", mail.text));
  byId("letter").showModal();
  onLetter();
}
