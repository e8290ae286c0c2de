// The page of a payment that waits for its customer. Opening it does nothing; Continue leads through the bank's step.

import { byId, page, show, texts } from "./common.js";
import { goOn } from "./steps.js";

const { createFields } = await import(`./${page.fields.kind}_fields.js`);

const fields = createFields(page.fields, { ready() {}, method() {}, submit() {}, trouble });

function trouble(text) {
  byId("step-problem").textContent = text;
  show("step-problem");
  show("continue", false);
  show("reload");
}

byId("continue").textContent = texts.continue;
byId("continue").onclick = () => goOn(fields, null);
byId("continue").disabled = false;
