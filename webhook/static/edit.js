// Address and email of a saved method.

import { byId, finish, here, post, texts } from "./common.js";
import { clearMarks, details, markFields, missing, problem } from "./form.js";

const submit = byId("submit");

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  clearMarks();
  if (missing() || submit.disabled) return;
  submit.disabled = true;
  submit.textContent = texts.saving;
  const { ok, body } = await post(here, details());
  if (ok) return finish(body);
  submit.disabled = false;
  submit.textContent = texts.save_details;
  problem(body?.error?.message ?? texts.offline);
  markFields(body?.error?.fields ?? {});
});
