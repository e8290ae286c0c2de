// The address fields of both forms, and the errors beside every field.

import { byId, page, show, texts } from "./common.js";

const EXAMPLES = { CA: "K1A 0B1", US: "12345" };
const NAMES = ["name", "line1", "line2", "city", "region", "postal_code", "country"];

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
  const address = Object.fromEntries(NAMES.map((name) => [name, byId(name).value.trim()]));
  return { address, email: byId("email").value.trim() };
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
