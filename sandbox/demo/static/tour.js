// Four steps that anybody can follow without reading anything first: ask, pay, the bank, the receipt.

import { byId, make } from "./dom.js";
import { word, words } from "./words.js";

const done = new Set();
let drawn = "";

export function forgetTour() {
  done.clear();
  drawn = "";
}

export function step(number) { done.add(number); }

// `acts` does what each step is about; the first that is not done is the next one.
export function drawTour(acts) {
  const next = [1, 2, 3, 4].find((number) => !done.has(number));
  const now = JSON.stringify([[...done], document.documentElement.lang]);
  if (now === drawn) return;
  drawn = now;
  byId("tour").replaceChildren(...words().steps.map((text, place) => {
    const number = place + 1;
    const isDone = done.has(number);
    const mark = make("i", isDone ? "✓" : String(number), { "aria-hidden": "true" });
    const button = make("button", { type: "button", onclick: acts[place] }, mark, isDone && make("span.sr", `${word("done")}: `), text);
    if (number === next) button.setAttribute("aria-current", "step");
    return make(isDone ? "li.done" : number === next ? "li.next" : "li", button);
  }));
}
