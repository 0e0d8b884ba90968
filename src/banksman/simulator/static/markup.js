// WhatsApp's markup as DOM nodes. Text only ever becomes text nodes.

const INLINE = [
  ["```", "pre", true], ["`", "code", true], ["*", "strong"], ["_", "em"], ["~", "s"],
];
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]'*_~]/;

/** Formatted `text`, line by line where a line is a quote or an item of a list. */
export function formatted(text) {
  const all = document.createDocumentFragment();
  const parts = text.split(/(```[\s\S]+?```)/);
  for (const part of parts) {
    if (part.startsWith("```") && part.length > 6) all.append(element("pre", part.slice(3, -3)));
    else lines(part, all);
  }
  return all;
}

function lines(text, into) {
  const rows = text.split("\n");
  rows.forEach((row, index) => {
    const quote = /^> (.*)$/.exec(row), item = /^(?:[-*]|(\d+\.)) (.+)$/.exec(row);
    const last = index === rows.length - 1;
    if (quote) into.append(block("quoted", inline(quote[1])));
    else if (item) into.append(block("item", `${item[1] ?? "•"} `, inline(item[2])));
    else into.append(inline(row), last ? "" : "\n");
  });
}

/** Bold, italic, struck, code and links within a line; the leftmost pair wins, its inside is read again. */
function inline(text) {
  const all = document.createDocumentFragment();
  const found = first(text);
  if (!found) {
    all.append(text);
    return all;
  }
  all.append(text.slice(0, found.start), found.node, inline(text.slice(found.end)));
  return all;
}

function first(text) {
  let best = null;
  for (const [mark, tag, raw] of INLINE) {
    for (let start = text.indexOf(mark); start >= 0 && (!best || start < best.start); start = text.indexOf(mark, start + 1)) {
      const end = closing(text, mark, start);
      if (end < 0) continue;
      const inside = text.slice(start + mark.length, end);
      best = { start, end: end + mark.length, node: raw ? element(tag, inside) : element(tag, inline(inside)) };
      break;
    }
  }
  const link = LINK.exec(text);
  if (link && (!best || link.index < best.start)) {
    const node = element("a", link[0]);
    Object.assign(node, { href: link[0], target: "_blank", rel: "noopener noreferrer" });
    best = { start: link.index, end: link.index + link[0].length, node };
  }
  return best;
}

/** Where the pair that opens at `start` closes; -1 where it opens or closes within a word or at a space. */
function closing(text, mark, start) {
  const word = /[\p{L}\p{N}]/u;
  const before = text[start - 1], after = text[start + mark.length];
  if (!after || /\s/.test(after) || after === mark || (before && word.test(before))) return -1;
  for (let end = text.indexOf(mark, start + mark.length + 1); end >= 0; end = text.indexOf(mark, end + 1)) {
    const next = text[end + mark.length];
    if (!/\s/.test(text[end - 1]) && !(next && word.test(next))) return end;
  }
  return -1;
}

function block(name, ...content) {
  const node = element("span", ...content);
  node.className = name;
  return node;
}

function element(tag, ...content) {
  const node = document.createElement(tag);
  node.append(...content);
  return node;
}
