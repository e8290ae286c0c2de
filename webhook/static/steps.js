// A step that the bank wants is done by the gateway's script; what came of it, our server asks the gateway.

import { byId, finish, finishUnknown, here, post } from "./common.js";

// From the answer to Pay (schemas.PageOutcome) to the true state. `details` is the form, null where there is none.
export async function conclude(answer, fields, details) {
  let told = answer;
  if (told.step) {
    await attempt(fields, told.step, details);
    told = await outcome();
  }
  byId("continue").disabled = false;
  if (told === null) return finishUnknown();
  byId("continue").onclick = () => goOn(fields, details);
  return finish(told);
}

// Continue was pressed: the gateway may have gone on meanwhile, and a secret is never kept, so it is asked afresh.
export async function goOn(fields, details) {
  byId("continue").disabled = true;
  const told = await outcome();
  if (told !== null) return conclude(told, fields, details);
  return finishUnknown();
}

async function attempt(fields, step, details) {
  try {
    await fields.nextStep(step, details);
  } catch (error) {
    console.warn(error); // the state that our server finds says the rest
  }
}

async function outcome() {
  const { ok, body } = await post(`${here}/outcome`, {});
  return ok ? body : null;
}
