// The card fields: what is typed here goes to the bank, and the page around gets a token for it.

const settings = JSON.parse(document.getElementById("settings").textContent);
const { parent: parentOrigin, texts } = settings;
const form = document.getElementById("card");
const inputs = { number: byId("number"), exp: byId("exp"), cvc: byId("cvc") };
const BRANDS = [
  ["visa", "Visa", /^4/, 16, 3],
  ["mastercard", "Mastercard", /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 16, 3],
  ["amex", "American Express", /^3[47]/, 15, 4],
  ["discover", "Discover", /^(6011|65)/, 16, 3],
];
let busy = false;

function byId(id) { return document.getElementById(id); }
function digits(text) { return text.replace(/\D/g, ""); }
function brandOf(number) { return BRANDS.find(([, , pattern]) => pattern.test(number)); }
function tell(type, more = {}) {
  if (window.parent !== window) window.parent.postMessage({ source: "sandbox-fields", type, ...more }, parentOrigin);
}

function luhn(number) {
  let sum = 0;
  [...number].reverse().forEach((digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return sum % 10 === 0;
}

// ---------------------------------------------------------------------------- what is wrong with a field, if anything

function numberProblem() {
  const number = digits(inputs.number.value);
  if (!number) return "number_missing";
  if (number.length < (brandOf(number)?.[3] ?? 12)) return "number_incomplete";
  return luhn(number) ? "" : "number_wrong";
}

function expiry() {
  const typed = digits(inputs.exp.value);
  return { month: typed.slice(0, 2), year: typed.length === 6 ? typed.slice(2) : typed.slice(2, 4) };
}

function expProblem() {
  const { month, year } = expiry();
  if (month.length < 2 || year.length < 2) return "exp_incomplete";
  if (Number(month) < 1 || Number(month) > 12) return "exp_wrong";
  const end = new Date(year.length === 2 ? 2000 + Number(year) : Number(year), Number(month), 1);
  return end <= new Date() ? "exp_past" : "";
}

function cvcProblem() {
  const wanted = brandOf(digits(inputs.number.value))?.[4] ?? 3;
  return digits(inputs.cvc.value).length === wanted ? "" : "cvc_incomplete";
}

const problems = { number: numberProblem, exp: expProblem, cvc: cvcProblem };

function show(field, code) {
  byId(`${field}-error`).textContent = code ? texts[code] : "";
  inputs[field].setAttribute("aria-invalid", code ? "true" : "false");
  tellHeight();
}

// ------------------------------------------------------------------------------------------------- while typing

function group(number) {
  const groups = brandOf(number)?.[0] === "amex" ? /^(\d{0,4})(\d{0,6})(\d{0,5})/ : /^(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,7})/;
  return number.match(groups).slice(1).filter(Boolean).join(" ");
}

// Rewrites a field without throwing the cursor to its end: it stays behind as many digits as before.
function rewrite(input, written) {
  if (input.value === written) return;
  const before = digits(input.value.slice(0, input.selectionStart ?? input.value.length)).length;
  input.value = written;
  let place = 0;
  for (let seen = 0; place < written.length && seen < before; place += 1) if (/\d/.test(written[place])) seen += 1;
  if (before === digits(written).length) place = written.length;
  if (document.activeElement === input) input.setSelectionRange(place, place);
}

function onNumber() {
  rewrite(inputs.number, group(digits(inputs.number.value).slice(0, 19)));
  byId("brand").textContent = brandOf(digits(inputs.number.value))?.[1] ?? "";
}

function onExp(event) {
  let typed = digits(inputs.exp.value).slice(0, 6);
  if (typed.length === 1 && typed > "1") typed = `0${typed}`;
  const deleting = event.inputType?.startsWith("delete");
  rewrite(inputs.exp, typed.length > 2 || (typed.length === 2 && !deleting) ? `${typed.slice(0, 2)} / ${typed.slice(2)}` : typed);
}

function onCvc() { rewrite(inputs.cvc, digits(inputs.cvc.value).slice(0, 4)); }

const writers = { number: onNumber, exp: onExp, cvc: onCvc };

for (const [field, input] of Object.entries(inputs)) {
  input.addEventListener("input", (event) => {
    writers[field](event);
    if (input.getAttribute("aria-invalid") === "true") show(field, problems[field]());
    const complete = Object.values(problems).every((problem) => !problem());
    tell("change", { complete, brand: brandOf(digits(inputs.number.value))?.[0] ?? "unknown" });
  });
  input.addEventListener("blur", () => { if (input.value) show(field, problems[field]()); });
}

// ---------------------------------------------------------------------------------------------------- the token

async function tokenize() {
  const wrong = Object.keys(problems).filter((field) => {
    const code = problems[field]();
    show(field, code);
    return code;
  });
  if (wrong.length) return refuse(wrong[0], problems[wrong[0]]());
  const { month, year } = expiry();
  const card = { number: digits(inputs.number.value), exp_month: month, exp_year: year, cvc: digits(inputs.cvc.value) };
  let answer, told;
  try {
    answer = await fetch("fields/tokens", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(card),
      signal: AbortSignal.timeout(10000),
    });
    told = await answer.json();
  } catch {
    return tell("error", { message: texts.no_bank });
  }
  if (answer.ok) return tell("token", told);
  const { field, code } = told.error ?? {};
  if (!(field in inputs)) return tell("error", { message: texts.no_bank });
  show(field, code);
  return refuse(field, code);
}

function refuse(field, code) {
  inputs[field].focus();
  tell("invalid", { field, message: texts[code] });
}

window.addEventListener("message", async (event) => {
  if (event.origin !== parentOrigin || event.source !== window.parent) return;
  if (event.data?.type === "hello") greet();
  if (event.data?.type === "focus") inputs.number.focus();
  if (event.data?.type === "tokenize" && !busy) {
    busy = true;
    await tokenize().finally(() => { busy = false; });
  }
});

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("keydown", (event) => { if (event.key === "Enter") tell("submit"); }); // the page's Pay button

// ---------------------------------------------------------------------------------------------------- its height

function tellHeight() { tell("height", { height: Math.ceil(form.getBoundingClientRect().height) + 8 }); }

// Said on its own accord, and again to a page that was not listening yet.
function greet() {
  tell("ready");
  tellHeight();
}

new ResizeObserver(tellHeight).observe(form);
greet();
