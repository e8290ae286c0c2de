// The assistant on a page of somebody else: <script src="https://pay.example/widget.js" async></script>
// It runs in a frame of the payment service. What passes between page and frame, and where it checks who is speaking, is
// in docs/embedding.md; nothing here reads the page around it.

(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const french = (script.dataset.lang || document.documentElement.lang || "en").toLowerCase().startsWith("fr");
  const texts = french
    ? { open: "Payer ou poser une question", title: "Assistant de paiement", unread: "{} nouveau(x) message(s)" }
    : { open: "Pay or ask a question", title: "Payment assistant", unread: "{} new message(s)" };
  const KEPT = `remit ${home}`; // the conversation of this tab, in the page's own storage: the frame may have none
  const PHONE = "(max-width: 480px), (max-height: 480px)";

  const style = `
    :host { all: initial; }
    .button { position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; display: inline-flex; align-items: center; gap: 10px;
      min-height: 52px; padding: 0 22px; border: 0; border-radius: 99px; background: var(--remit-brand, #0f5f8c); color: var(--remit-on-brand, #fff);
      font: 600 16px/1.2 var(--remit-font, system-ui, sans-serif); cursor: pointer; box-shadow: 0 6px 24px rgba(0, 0, 0, .25); }
    .button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1b74d8; }
    .count { display: grid; place-items: center; min-width: 24px; height: 24px; padding: 0 6px; border-radius: 12px; background: #a3261c; color: #fff; font-size: 14px; }
    .panel { position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; width: min(420px, calc(100vw - 40px)); height: min(720px, calc(100dvh - 40px)); }
    .panel.whole { right: 0; bottom: 0; width: 100vw; height: 100dvh; }
    iframe { width: 100%; height: 100%; border: 0; border-radius: 16px; background: Canvas; color-scheme: light dark; box-shadow: 0 12px 48px rgba(0, 0, 0, .3); }
    .whole iframe, .inside iframe { border-radius: 0; box-shadow: none; }
    .inside { display: block; width: 100%; height: 100%; }
    [hidden] { display: none !important; }
    @media (forced-colors: active) { .button, iframe { border: 2px solid ButtonText; } }`;

  const own = window.Remit = window.Remit || {};
  const tell = (what, detail) => document.dispatchEvent(new CustomEvent(`remit:${what}`, { bubbles: true, detail }));
  const wishes = []; // what the page wants said before the frame is there
  let shown = false;
  let ready = false;
  let before = null; // what had the focus when the panel opened
  let frame, panel, button, count;

  const storage = {
    get() { try { return JSON.parse(sessionStorage.getItem(KEPT)); } catch { return null; } },
    set(kept) { try { sessionStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* denied: this page's life long, then */ } },
    clear() { try { sessionStorage.removeItem(KEPT); } catch { /* as above */ } },
  };

  class Assistant extends HTMLElement {
    connectedCallback() {
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet(); // not a <style>: the page's policy may forbid those
      sheet.replaceSync(style);
      root.adoptedStyleSheets = [sheet];
      frame = Object.assign(document.createElement("iframe"), { title: texts.title, allow: "payment" });
      frame.addEventListener("load", () => say("hello", { lang: french ? "fr" : "en", inside: this.inside, theme: theme() }));
      panel = document.createElement("div");
      panel.append(frame);
      if (this.inside) {
        panel.className = "inside";
        root.append(panel);
        begin();
        return;
      }
      panel.className = "panel";
      panel.hidden = true;
      button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: texts.open });
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => own.open());
      count = Object.assign(document.createElement("span"), { className: "count", hidden: true });
      button.append(count);
      root.append(button, panel);
      const small = matchMedia(PHONE);
      const fit = () => panel.classList.toggle("whole", small.matches);
      small.addEventListener("change", fit);
      fit();
      if (storage.get()) begin(); // a conversation goes on, and may have news
    }
  }

  const vouch = async () => own.token();
  let vouched = null; // asked for while the frame loads
  const begin = () => {
    if (frame.src) return;
    vouched = vouch();
    vouched.catch(() => {}); // told when the frame asks for it
    frame.src = `${home}/widget/?lang=${french ? "fr" : "en"}`;
  };
  const say = (what, more = {}) => frame?.contentWindow?.postMessage({ remit: what, ...more }, home);

  // The page's custom properties, by value: a frame inherits none.
  function theme() {
    const styles = getComputedStyle(script.dataset.into ? document.querySelector(script.dataset.into) : document.documentElement);
    const names = ["brand", "on-brand", "font", "radius"];
    return Object.fromEntries(names.map((name) => [name, styles.getPropertyValue(`--remit-${name}`).trim()]).filter(([, value]) => value));
  }

  function show(visible) {
    if (!panel || panel.className === "inside" || shown === visible) return;
    shown = visible;
    if (visible) before = document.activeElement;
    panel.hidden = !visible;
    button.hidden = visible;
    button.setAttribute("aria-expanded", String(visible));
    say("shown", { shown: visible });
    if (visible) frame.focus();
    else (before?.isConnected && before !== document.body ? before : button).focus();
    tell(visible ? "opened" : "closed");
  }

  own.open = ({ say: words } = {}) => {
    begin();
    show(true);
    if (words && ready) say("say", { text: words });
    else if (words) wishes.push(words);
  };
  own.close = () => show(false);
  // Somebody else is signed in now: the conversation of the one before is gone from this page.
  own.reset = () => {
    storage.clear();
    vouched = null;
    ready = false;
    wishes.length = 0;
    if (frame?.src) frame.src = `${frame.src}`; // loads it anew
  };

  const heard = {
    async token() {
      const asked = vouched ?? vouch();
      vouched = null; // good for one conversation
      try {
        say("token", { token: await asked, kept: storage.get() });
      } catch {
        say("token", { token: null, kept: null });
      }
    },
    keep: ({ kept }) => (kept ? storage.set(kept) : storage.clear()),
    ready() {
      ready = true;
      say("shown", { shown: shown || panel.className === "inside" });
      for (const words of wishes.splice(0)) say("say", { text: words });
      tell("ready");
    },
    close: () => show(false),
    unread({ count: unread }) {
      if (!count) return;
      count.hidden = !unread;
      count.textContent = unread || "";
      button.setAttribute("aria-label", unread ? `${texts.open}, ${texts.unread.replace("{}", unread)}` : texts.open);
    },
    settled: ({ payment }) => tell("settled", payment),
    turn: () => tell("turn"),
    language: ({ language }) => tell("language", { language }),
  };

  addEventListener("message", ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== home || typeof data?.remit !== "string") return;
    if (Object.hasOwn(heard, data.remit)) heard[data.remit](data);
  });

  customElements.define("remit-assistant", Assistant);
  const place = () => {
    const assistant = document.createElement("remit-assistant");
    const into = script.dataset.into && document.querySelector(script.dataset.into);
    assistant.inside = Boolean(into);
    (into || document.body).append(assistant);
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", place);
  else place();
})();
