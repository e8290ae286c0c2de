// The customer's telephone: calls the service, presses keys, speaks, and shows (or says aloud) what is heard.

import { Failed, sandbox } from "./api.js";
import { byId, make, toast } from "./dom.js";
import { word } from "./words.js";

const KEYS = [["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"], ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", "+"], ["#", ""]];
const IDLE_MS = 4000; // without another key, what was keyed in is done
const field = byId("speech");
const speaks = "speechSynthesis" in window;
const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
let number = null;
let call = null;
let shown = 0;
let busy = false;
let keyed = "";
let idle;
let ear = null; // listens to the microphone

export function drawTelephone({ phone, account, pin }) {
  byId("call-hint").textContent = word("account_and_pin", account, pin);
  if (phone === number) return;
  if (call && call.status !== "completed") hangUp();
  number = phone;
  call = null;
  shown = 0;
  byId("captions").replaceChildren();
  draw();
}

function draw() {
  const talking = call !== null && call.status !== "completed";
  for (const { by, text, language } of call?.captions.slice(shown) ?? []) {
    const who = by === "line" ? null : make("span.sr", by === "caller" ? word("you") : word("them"));
    byId("captions").append(make(`p.${by}`, { lang: language.slice(0, 2) }, who, text));
    if (by === "service") aloud(text, language);
  }
  shown = call?.captions.length ?? 0;
  byId("captions").scrollTop = byId("captions").scrollHeight;
  byId("hook").textContent = word(talking ? "hang_up" : "call_now");
  byId("hook").classList.toggle("on", talking);
  field.disabled = !talking || busy;
  byId("microphone").disabled = !talking || busy;
  byId("microphone").setAttribute("aria-pressed", String(ear !== null));
  for (const key of byId("keys").children) key.disabled = !talking || busy;
  byId("dial").textContent = call?.listening?.keys === "card" ? "•".repeat(keyed.length) : keyed;
}

async function act(what, ...more) {
  if (busy) return;
  busy = true;
  ear?.abort();
  window.speechSynthesis?.cancel();
  draw();
  try {
    call = await what(...more);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    if (error.status === 404) call = null; // begun anew: the switchboard has forgotten it
    toast(error.message || word("failed"));
  }
  busy = false;
  draw();
}

function press(key) {
  clearTimeout(idle);
  const wanted = call?.listening?.keys;
  if (wanted === "one") return act(sandbox.keys, call.sid, key);
  keyed += key;
  draw();
  if (key === "#" || key === "*" || (wanted === "many" && keyed.length === 1 && "09".includes(key))) return send();
  idle = setTimeout(send, IDLE_MS);
  return undefined;
}

function send() {
  clearTimeout(idle);
  const digits = keyed;
  keyed = "";
  return digits && call ? act(sandbox.keys, call.sid, digits) : undefined;
}

function hangUp() {
  clearTimeout(idle);
  keyed = "";
  return act(sandbox.hangUp, call.sid);
}

function aloud(text, language) {
  if (!speaks || byId("sound").getAttribute("aria-pressed") !== "true") return;
  const words = new SpeechSynthesisUtterance(text);
  words.lang = language;
  window.speechSynthesis.speak(words);
}

byId("keys").append(...KEYS.map(([key, letters]) => make("button", { type: "button", onclick: () => press(key) }, key, make("small", letters, { "aria-hidden": "true" }))));

function placeCall() {
  shown = 0;
  byId("captions").replaceChildren();
  return act(sandbox.place, number);
}

// For a conversation that plays by itself.
export const telephone = {
  get isOn() { return call !== null && call.status !== "completed"; },
  place: placeCall,
  hangUp,
  keys: (digits) => act(sandbox.keys, call.sid, digits),
  say: (words) => act(sandbox.speak, call.sid, words),
};

// One sentence by microphone. What the browser makes of it is said as it was heard, with how sure it was.
function listen() {
  if (ear) { ear.abort(); return; }
  window.speechSynthesis?.cancel(); // or it would hear the service
  ear = new Recognition();
  ear.lang = call.captions.findLast(({ by }) => by === "service")?.language ?? "en-CA";
  ear.addEventListener("result", ({ results: [[{ transcript, confidence }]] }) => {
    if (busy || !transcript) return;
    act(sandbox.speak, call.sid, transcript, confidence);
  });
  ear.addEventListener("error", ({ error }) => { if (error !== "aborted") toast(word(error === "no-speech" ? "heard_nothing" : "no_microphone")); });
  ear.addEventListener("end", () => { ear = null; draw(); });
  ear.start();
  draw();
}

byId("hook").addEventListener("click", () => {
  if (telephone.isOn) { hangUp(); return; }
  placeCall().then(() => field.focus());
});
byId("microphone").hidden = !Recognition;
byId("microphone").addEventListener("click", listen);
byId("speech-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = field.value.trim();
  if (!words || busy || !call) return;
  field.value = "";
  act(/^[0-9*#]+$/.test(words) ? sandbox.keys : sandbox.speak, call.sid, words).then(() => field.focus());
});
byId("sound").hidden = !speaks;
byId("sound").addEventListener("click", ({ currentTarget: button }) => {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  if (!on) window.speechSynthesis.cancel();
});
