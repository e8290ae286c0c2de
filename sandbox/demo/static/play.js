// A conversation that plays by itself: chat, texts, telephone and bank, one line after the other, to be watched.

import { byId, make, toast } from "./dom.js";
import { word } from "./words.js";

const PAUSE_MS = 1200; // to read in
let playing = null; // { title, stop }

export class Stopped extends Error {}

// Resolves with what `look` finds; rejects when the play is stopped, or nothing comes within `patience`.
export async function until(look, { patience = 30000, every = 100 } = {}) {
  const mine = playing;
  for (const end = Date.now() + patience; Date.now() < end; await sleep(every)) {
    if (playing !== mine) throw new Stopped();
    const found = look();
    if (found) return found;
  }
  throw new Stopped(word("play_stuck"));
}

export function stop() { playing = null; }

// `acts` does what a line names: [["chat", "Pay 250"], ["bank", "approve"]].
export async function play(title, lines, acts) {
  const me = { title };
  playing = me;
  mark();
  try {
    await acts.ready();
    for (const [act, ...more] of lines) {
      await acts[act](...more);
      if (playing !== me) return;
      await sleep(PAUSE_MS);
      if (playing !== me) return;
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    if (error.message) toast(error.message);
  } finally {
    if (playing === me) playing = null;
    mark();
  }
}

// One chip a conversation; the one that plays stops it.
export function chips(plays, acts) {
  return plays.map(([title, lines]) => make("li", make("button.chip.play",
    { type: "button", "data-play": title, onclick: () => (playing?.title === title ? stop() : play(title, lines, acts)) }, title)));
}

export function mark() {
  for (const chip of byId("ideas").querySelectorAll("[data-play]")) {
    const on = playing?.title === chip.dataset.play;
    chip.classList.toggle("on", on);
    chip.title = word(on ? "stop" : "watch");
    chip.setAttribute("aria-label", `${chip.title}: ${chip.dataset.play}`);
  }
}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
