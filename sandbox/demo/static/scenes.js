// What really went to and fro: the bank's events, the mail, Twilio's requests.

import { byId, make } from "./dom.js";
import { words } from "./words.js";

let drawn = "";

export function drawScenes(scenes) {
  const now = JSON.stringify([scenes, document.documentElement.lang]);
  if (now === drawn) return;
  drawn = now;
  const clock = (at) => new Date(at).toLocaleTimeString("en-CA", { hour12: false });
  byId("scenes").replaceChildren(...scenes.map(({ at, who, what, answer }) => make("li",
    make("time", clock(at)), make("b", words().who[who]), make("span", what, { title: what }), make("em", answer, { title: answer }))));
}
