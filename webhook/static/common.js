// What every page of ours shares: one call to the server, the outcome, and the page around us, if any.

export const page = JSON.parse(byId("page-data").textContent);
export const texts = page.texts;
export const here = location.pathname.replace(/\/$/, "");

export function byId(id) { return document.getElementById(id); }
export function show(id, visible = true) { byId(id).hidden = !visible; }

// Resolves to {ok, status, body}; `body` is null when no readable answer came, so that nobody knows what happened.
export async function post(path, sent) {
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent), cache: "no-store",
    });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  } catch {
    return { ok: false, status: 0, body: null };
  }
}

// ------------------------------------------------------------------------------------------------- the outcome

const GOOD = ["succeeded", "saved"];
const BAD = ["declined", "not_attempted", "canceled"];

// `answer` as in schemas.PageOutcome. A step that is left and not at the bank's own page is done here: Continue.
export function finish({ state, message, action_url: bank, retry }) {
  const stepHere = state === "requires_action" && !bank;
  if (byId("form")) show("form", false);
  show("outcome");
  byId("said").textContent = message;
  byId("outcome").className = GOOD.includes(state) ? "good" : BAD.includes(state) ? "bad" : "waiting";
  for (const [id, url] of [["bank", bank], ["retry", retry]]) {
    show(id, Boolean(url));
    if (url) byId(id).href = url;
  }
  show("continue", stepHere);
  show("close", !retry && !bank && !stepHere);
  if (state === "succeeded" && byId("owed")) show("owed", false); // the message has the new balance
  byId("outcome").focus();
  if (!retry && !stepHere) tell("done", { state });
}

// An answer that never came is no "no": what happened stands on the reloaded page, and until then nothing is paid twice.
export function finishUnknown() {
  finish({ state: "unknown", message: texts.lost, retry: null });
  show("close", false);
  show("reload");
}

// ------------------------------------------------------------------------------------- the page around, if any

const framed = window.parent !== window;
document.documentElement.classList.toggle("framed", framed);

export function tell(type, more = {}) {
  if (framed) window.parent.postMessage({ source: "remit-pay", type, ...more }, location.origin);
}

new ResizeObserver(() => tell("height", { height: document.documentElement.scrollHeight })).observe(document.body);
