// The payment service: one conversation, its turns, and what arrives outside them.

const PATIENCE_MS = 20000; // longer than the service's own limit for a turn
const AGAIN_MS = [1000, 3000];

export class Failed extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function ask(path, { body, token } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer, told;
  try {
    answer = await fetch(path, {
      method: body === undefined ? "GET" : "POST", headers, cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS),
    });
    told = await answer.json();
  } catch {
    throw new Failed(answer?.status ?? 0, "no_answer", "");
  }
  if (!answer.ok) throw new Failed(answer.status, told.error?.code ?? "", told.error?.message ?? "");
  return told;
}

// A turn whose answer got lost is sent again under its id: the service answers the same again and does nothing twice.
async function send(token, turn) {
  for (const pause of AGAIN_MS) {
    try {
      return await ask("/api/chat/messages", { body: turn, token });
    } catch (error) {
      if (!(error instanceof Failed) || ![0, 502, 503, 504].includes(error.status)) throw error;
      await new Promise((resolve) => { setTimeout(resolve, pause); });
    }
  }
  return ask("/api/chat/messages", { body: turn, token });
}

export const chat = {
  open: (portalToken) => ask("/api/chat/sessions", { body: { token: portalToken } }),
  send,
  history: (token) => ask("/api/chat/history", { token }),
};

// Reads the event stream with the session's token (EventSource cannot send one), from `lastId` on, until aborted.
export async function listen(token, lastId, { onEvent, onState, signal }) {
  let pause = 500;
  while (!signal.aborted) {
    try {
      const answer = await fetch("/api/chat/events", {
        headers: { Authorization: `Bearer ${token}`, "Last-Event-ID": String(lastId) }, cache: "no-store", signal,
      });
      if (answer.status === 401) return onState("ended");
      if (!answer.ok) throw new Failed(answer.status, "", "");
      onState("online");
      pause = 500;
      lastId = await read(answer.body, lastId, onEvent);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof Failed) && !(error instanceof TypeError)) throw error;
    }
    onState("offline");
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    pause = Math.min(pause * 2, 8000);
  }
  return undefined;
}

// Hands on every event of the stream; returns the last id when the stream ends.
async function read(stream, lastId, onEvent) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return lastId;
    buffer += value.replace(/\r\n?/g, "\n");
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event.id) lastId = event.id;
      if (event.data) onEvent(Number(event.id), event.event ?? "message", JSON.parse(event.data));
    }
  }
}

function parse(block) {
  const event = {};
  for (const line of block.split("\n")) {
    const [, name, value] = line.match(/^([a-z]+): ?(.*)$/) ?? [];
    if (name) event[name] = name === "data" && event.data ? `${event.data}\n${value}` : value;
  }
  return event;
}
