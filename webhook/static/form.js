// What both secure pages share: the address fields, errors beside them, one call to the server, the outcome.

export const page = JSON.parse(byId("page-data").textContent);
export const texts = page.texts;
const EXAMPLES = { CA: "K1A 0B1", US: "12345" };
const NAMES = ["name", "line1", "line2", "city", "region", "postal_code", "country"];

export function byId(id) { return document.getElementById(id); }
export function show(id, visible = true) { byId(id).hidden = !visible; }

// ------------------------------------------------------------------------------------------------ the address

function fillRegions() {
  const country = byId("country").value;
  const select = byId("region");
  const chosen = select.value || select.dataset.chosen;
  select.replaceChildren(new Option(texts.choose, ""), ...page.regions[country].map((code) => new Option(code, code)));
  select.value = page.regions[country].includes(chosen) ? chosen : "";
  byId("region-label").textContent = texts[`region_${country}`];
  byId("postal-label").textContent = texts[`postal_${country}`];
}

byId("country").addEventListener("change", () => { byId("region").dataset.chosen = ""; fillRegions(); });
fillRegions();

export function details() {
  const address = Object.fromEntries(NAMES.map((name) => [name, byId(name).value]));
  return { address, email: byId("email").value };
}

// ------------------------------------------------------------------------------------- what is wrong with a field

function words(name, code) {
  if (code === "wrong" && name === "postal_code") return texts.wrong_postal_code.replace("{}", EXAMPLES[byId("country").value]);
  return texts[`${code}_${name}`] ?? texts[code] ?? texts.wrong;
}

export function mark(name, text) {
  byId(`${name}-error`).textContent = text;
  byId(name)?.setAttribute("aria-invalid", text ? "true" : "false");
}

export function markFields(fields) {
  const wrong = Object.entries(fields).filter(([name]) => byId(name) && byId(`${name}-error`));
  for (const [name, code] of wrong) mark(name, words(name, code));
  if (wrong.length) byId(wrong[0][0]).focus();
}

export function clearMarks() {
  for (const wrong of document.querySelectorAll(".wrong")) wrong.textContent = "";
  for (const input of document.querySelectorAll("[aria-invalid=true]")) input.setAttribute("aria-invalid", "false");
  problem("");
}

export function missing() {
  const empty = [...document.querySelectorAll("form [required]")].filter((input) => !input.value.trim());
  markFields(Object.fromEntries(empty.map((input) => [input.name, "missing"])));
  return empty.length > 0;
}

export function problem(text) {
  byId("problem").textContent = text;
  show("problem", Boolean(text));
}

// ------------------------------------------------------------------------------------------------- the server

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

export const here = location.pathname.replace(/\/$/, "");

// ------------------------------------------------------------------------------------------------- the outcome

const GOOD = ["succeeded", "saved"];
const BAD = ["declined", "not_attempted", "canceled"];

export function finish({ state, message, action_url: bank, retry }) {
  show("form", false);
  show("outcome");
  byId("said").textContent = message;
  byId("outcome").className = GOOD.includes(state) ? "good" : BAD.includes(state) ? "bad" : "waiting";
  for (const [id, url] of [["bank", bank], ["retry", retry]]) if (url) { byId(id).href = url; show(id); }
  show("close", !retry && !bank);
  if (state === "succeeded") show("owed", false); // the message has the new balance
  byId("outcome").focus();
  if (!retry) tell("done", { state });
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
