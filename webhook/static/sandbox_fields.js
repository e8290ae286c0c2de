// The sandbox bank's fields: a frame of its own, which hands us a token by message.

import { byId, texts } from "./common.js";

const TOKEN_WAIT_MS = 15000;
const FRAME_WAIT_MS = 10000;

// The interface of every gateway's fields, `stripe_fields.js` too:
//   config    page.fields of the server
//   ready()   the fields are there; method(kind): what they would pay with; submit(): Enter was pressed in them;
//   trouble(text): they cannot be had
// Returns update({minor, save}) with what Pay would charge; tokenize(details) → {type: "token", token, method}, or
// {type: "invalid"} with the field marked by the gateway, or {type: "error", message}; and nextStep(step, details),
// which leads through what the bank asks for and leaves it to our server to say what came of it.
export function createFields(config, { ready, submit, trouble }) {
  const gateway = new URL(config.url).origin;
  const frame = byId("fields");
  let isReady = false;
  let waiting = null;

  window.addEventListener("message", ({ origin, source, data }) => {
    if (origin !== gateway || source !== frame.contentWindow || typeof data?.type !== "string") return;
    if (data.type === "ready") { isReady = true; ready(); }
    if (data.type === "height" && data.height > 0 && data.height < 2000) frame.height = Math.ceil(data.height);
    if (data.type === "submit") submit();
    if (["token", "invalid", "error"].includes(data.type)) waiting?.(data);
  });
  frame.src = config.url; // only now: its first message must not come before there is somebody to hear it
  setTimeout(() => { if (!isReady) trouble(texts.no_fields); }, FRAME_WAIT_MS);

  function tokenize() {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ type: "error", message: texts.no_fields }), TOKEN_WAIT_MS);
      waiting = ({ type, token, message }) => {
        clearTimeout(timer);
        waiting = null;
        resolve({ type, token, message, method: "card" });
      };
      frame.contentWindow.postMessage({ type: "tokenize" }, gateway);
    });
  }

  return { update() {}, tokenize, async nextStep() {} }; // its steps are on the bank's own page
}
