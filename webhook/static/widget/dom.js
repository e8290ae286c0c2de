// Small helpers: nodes are made with text, never with markup that came from elsewhere.

export const byId = (id) => document.getElementById(id);

// make("p.big", "text", {hidden: true}, child…)
export function make(what, ...parts) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const part of parts.flat()) {
    if (part == null || part === false) continue;
    if (typeof part === "string" || part instanceof Node) node.append(part);
    else for (const [name, value] of Object.entries(part)) set(node, name, value);
  }
  return node;
}

function set(node, name, value) {
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (typeof value === "boolean" && !name.startsWith("aria-")) node.toggleAttribute(name, value);
  else node.setAttribute(name, value);
}
