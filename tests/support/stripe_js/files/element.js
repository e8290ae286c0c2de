import { api, asked, byId, french, tell } from "./frame.js";

const NAMES = { card: french ? "Carte" : "Card", us_bank_account: french ? "Compte bancaire américain" : "US bank account" };
const FRENCH = { number: "Numéro de carte", expiry: "Date d’expiration", cvc: "Code de sécurité", account: "Compte bancaire", type: "Mode" };
const WRONG = french ? "Votre numéro est incomplet." : "Your number is incomplete.";
const ONLY_IN = { us_bank_account: "usd" };
const types = asked.get("types").split(" ").filter((type) => !ONLY_IN[type] || ONLY_IN[type] === asked.get("currency"));

if (french) for (const [id, text] of Object.entries(FRENCH)) document.querySelector(`label[for=${id}]`).textContent = text;
byId("type").replaceChildren(...types.map((type) => new Option(NAMES[type], type)));
byId("types").hidden = types.length < 2;
document.body.classList.toggle("night", asked.get("theme") === "night");

const kind = () => byId("type").value;
const digits = (id) => byId(id).value.replace(/\D/g, "");

function complete() {
  return kind() === "card" ? digits("number").length >= 15 && digits("expiry").length === 4 && digits("cvc").length >= 3 : digits("account").length >= 6;
}

function changed() {
  for (const type of types) for (const part of document.querySelectorAll(`.${type}`)) part.hidden = type !== kind();
  for (const wrong of document.querySelectorAll(".error")) wrong.textContent = "";
  const empty = [...document.querySelectorAll("input")].every((input) => !input.value);
  tell({ type: "change", empty, complete: complete(), kind: kind() });
  tell({ type: "height", height: document.body.scrollHeight + 2 });
}

function mark(message) { byId(kind() === "card" ? "number-error" : "account-error").textContent = message; }

async function tokenize({ billing, usage }) {
  const [month, year] = [digits("expiry").slice(0, 2), digits("expiry").slice(2)];
  const typed = kind() === "card" ? { number: digits("number"), exp_month: Number(month), exp_year: 2000 + Number(year) } : { payment_method: "pm_usBankAccount" };
  const made = await api("POST", "confirmation_tokens", { ...typed, billing_details: billing, ...(usage ? { setup_future_usage: usage } : {}) });
  if (made.error) { mark(made.error.message); return tell({ type: "tokenized", error: made.error }); }
  return tell({ type: "tokenized", token: made });
}

addEventListener("message", ({ data }) => {
  if (data.type === "options") for (const name of ["amount", "currency", "setupFutureUsage"]) document.body.dataset[name] = data.options[name] ?? "";
  if (data.type === "tokenize") tokenize(data);
  if (data.type !== "submit") return;
  if (complete()) return tell({ type: "submitted", kind: kind() });
  mark(WRONG);
  tell({ type: "submitted", error: { type: "validation_error", code: "incomplete_number", message: WRONG } });
});

document.addEventListener("input", changed);
byId("form").addEventListener("submit", (event) => event.preventDefault());
tell({ type: "ready" });
changed();
