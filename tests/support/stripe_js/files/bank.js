import { api, asked, byId, intentOf, tell } from "./frame.js";

const secret = asked.get("secret");
const intent = intentOf(secret);

function done(became) { tell({ type: "done", result: became.error ? { error: became.error } : { paymentIntent: became } }); }

byId("agree").addEventListener("click", async () => {
  byId("agree").disabled = true;
  done(await api("POST", `payment_intents/${intent}/confirm_acss_debit`, {
    client_secret: secret, billing_details: JSON.parse(asked.get("billing")), number: byId("account").value,
  }));
});
byId("close").addEventListener("click", async () => done(await api("GET", `payment_intents/${intent}`, { client_secret: secret })));
byId("agree").focus();
tell({ type: "ready" });
