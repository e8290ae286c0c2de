// What the page asks of the sandbox: api/, mailbox/, phones/, calls/.

const PATIENCE_MS = 20000; // longer than the service's own limit for a turn
const RESET_MS = 130000;
const CALL_MS = 125000; // a bank may take its time, and the line is held meanwhile

export class Failed extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function ask(path, { body, patience = PATIENCE_MS } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, told;
  try {
    answer = await fetch(path, {
      method: body === undefined ? "GET" : "POST", headers, cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(patience),
    });
    told = await answer.json();
  } catch {
    throw new Failed(answer?.status ?? 0, "no_answer", "");
  }
  if (!answer.ok) throw new Failed(answer.status, told.error?.code ?? "", told.error?.message ?? "");
  return told;
}

export const sandbox = {
  customers: () => ask("api/customers"),
  portalToken: (customer) => ask("api/portal-token", { body: { customer } }),
  decide: (id, decision, reason) => ask(`api/bank/payments/${id}/decide`, { body: { decision, reason } }),
  startOver: () => ask("api/start-over", { body: {}, patience: RESET_MS }),
  text: (number, body) => ask(`phones/${number}/texts`, { body: { body } }),
  decides: (how) => ask("api/bank/decides", { body: { how } }),
  travel: (how) => ask("api/bank/travel", { body: { how } }),
  place: (number) => ask("calls", { body: { from: number }, patience: CALL_MS }),
  keys: (sid, digits) => ask(`calls/${sid}/keys`, { body: { digits }, patience: CALL_MS }),
  speak: (sid, text, confidence) => ask(`calls/${sid}/speech`, { body: { text, confidence }, patience: CALL_MS }),
  hangUp: (sid) => ask(`calls/${sid}/hang-up`, { body: {}, patience: CALL_MS }),
  mail: (id) => ask(`mailbox/messages/${id}`),
};
