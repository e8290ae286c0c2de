// Nodes are made with text, never with markup that came from elsewhere.

export const byId = (id) => document.getElementById(id);

// make("p.note", {title: "…"}, "text", child…)
export function make(what, ...parts) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const part of parts.flat()) {
    if (part == null || part === false) continue;
    if (typeof part === "string" || part instanceof Node) node.append(part);
    else for (const [name, value] of Object.entries(part)) node.setAttribute(name, value);
  }
  return node;
}

export function fill(node, ...parts) {
  node.replaceChildren(...parts.flat().filter((part) => part != null && part !== false));
}
