// What lies over the chat: the rows of a list, a picture in large. One at a time; Escape closes it.

import { button, make, marked } from "./bubbles.js";
import { formatted } from "./markup.js";

const overlay = document.querySelector(".overlay");
const behind = [...document.querySelectorAll(".screen > :not(.overlay)")];
let returnTo = null;

function open(content, name, label) {
  returnTo = document.activeElement;
  overlay.className = `overlay ${name}`;
  overlay.replaceChildren(content);
  overlay.setAttribute("role", "dialog");
  overlay.setAttribute("aria-modal", "true");
  overlay.setAttribute("aria-label", label);
  overlay.hidden = false;
  for (const node of behind) node.inert = true;
  (overlay.querySelector(".row") ?? overlay.querySelector("button")).focus({ preventScroll: true });
}

export function close() {
  if (overlay.hidden) return;
  overlay.hidden = true;
  overlay.replaceChildren();
  for (const node of behind) node.inert = false;
  returnTo?.focus({ preventScroll: true });
}

overlay.addEventListener("click", (event) => event.target === overlay && close());
document.addEventListener("keydown", (event) => event.key === "Escape" && close());

/** The rows of a list; `choose` gets the id of the one that is tapped. */
export function list(given, choose) {
  const rows = make("div", "sheet-rows");
  for (const section of given.action.sections) {
    if (section.title && given.action.sections.length > 1) rows.append(marked(make("h3", "sheet-section", section.title), "list-section"));
    for (const row of section.rows) {
      const title = make("span", "row-title", row.title);
      const description = row.description ? make("span", "row-description", row.description) : null;
      for (const node of [title, description]) if (node) node.dir = "auto";
      const press = () => {
        close();
        choose(row.id);
      };
      rows.append(marked(button("row", "", press, make("span", "row-words", title, description)), "list-row"));
    }
  }
  const title = make("h2", "sheet-title", given.action.button);
  title.dir = "auto";
  const head = make("div", "sheet-head", button("sheet-close", "Close", close, "✕"), title);
  open(marked(make("div", "sheet", head, rows), "list-sheet"), "", given.action.button);
}

/** A picture in large. */
export function picture(source, caption) {
  const image = make("img");
  Object.assign(image, { src: source, alt: caption || "Picture" });
  const text = caption ? make("p", "viewer-words", formatted(caption)) : null;
  if (text) text.dir = "auto";
  const all = document.createDocumentFragment();
  all.append(marked(button("viewer-close", "Close", close, "✕"), "viewer-close"), marked(image, "viewer"), ...(text ? [text] : []));
  open(all, "viewer", "Picture");
}
