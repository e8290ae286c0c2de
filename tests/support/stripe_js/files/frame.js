// What the double's frames share: who they belong to, what they are told, and the API's double.

export const asked = new URLSearchParams(location.search);
export const french = asked.get("locale")?.startsWith("fr") ?? false;
export const byId = (id) => document.getElementById(id);

export function tell(message) { parent.postMessage(message, "*"); }

export async function api(method, path, body) {
  const query = method === "GET" ? `?${new URLSearchParams(body)}` : "";
  const answer = await fetch(`${asked.get("api")}/js/${path}${query}`, {
    method, ...(method === "POST" ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {}),
  });
  return answer.json();
}

export const intentOf = (secret) => secret.split("_secret_")[0];
document.documentElement.lang = french ? "fr" : "en";
