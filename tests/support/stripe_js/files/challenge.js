import { api, asked, byId, intentOf, tell } from "./frame.js";

const secret = asked.get("secret");
const intent = intentOf(secret);
const FAILED = { type: "invalid_request_error", code: "payment_intent_authentication_failure", message: "We are unable to authenticate your payment method." };

const seen = await api("GET", `payment_intents/${intent}`, { client_secret: secret });
if (seen.error) tell({ type: "done", result: { error: seen.error } });
else if (seen.status !== "requires_action") tell({ type: "done", result: { unexpected: seen.status } });

async function answer(passed) {
  for (const button of document.querySelectorAll("button")) button.disabled = true;
  const became = await api("POST", `payment_intents/${intent}/next_action`, { client_secret: secret, passed });
  tell({ type: "done", result: became.error || !passed ? { error: became.error ?? { ...FAILED, payment_intent: became } } : { paymentIntent: became } });
}

byId("complete").addEventListener("click", () => answer(true));
byId("fail").addEventListener("click", () => answer(false));
byId("complete").focus();
tell({ type: "ready" });
