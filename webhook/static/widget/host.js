// The page around this frame: who may be it, what it is told, and what it may ask for.

const allowed = new Set(JSON.parse(document.body.dataset.origins));
let origin = null; // of the page around, once it has spoken
const waiting = []; // for a portal token

export function tellHost(what, more = {}) {
  if (origin) window.parent.postMessage({ remit: what, ...more }, origin);
}

// A signed portal token of whoever is signed in there, and the conversation that the page has kept for this tab.
export function askForToken() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    tellHost("token");
  });
}

export function listenToHost({ hello, say, shown }) {
  const heard = {
    token: ({ token, kept }) => { for (const resolve of waiting.splice(0)) resolve({ token, kept }); },
    say: ({ text }) => say(String(text)),
    shown: (data) => shown(Boolean(data.shown)),
  };
  window.addEventListener("message", ({ source, origin: from, data }) => {
    if (source !== window.parent || source === window || !allowed.has(from) || typeof data?.remit !== "string") return;
    if (origin && from !== origin) return;
    if (!origin && data.remit === "hello") {
      origin = from;
      hello(data);
    } else if (origin && Object.hasOwn(heard, data.remit)) heard[data.remit](data);
  });
}
