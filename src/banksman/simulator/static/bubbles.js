// A message as the phone shows it.

import { formatted } from "./markup.js";

const SVG = "http://www.w3.org/2000/svg";
const TICKS = {
  sent: ["M2 6l3.2 3.2L12 2.4"],
  delivered: ["M1 6l3.2 3.2L11 2.4", "M7.4 8.6l.6.6L15 2.4"],
};
TICKS.read = TICKS.delivered;
const TICK_WORDS = { sent: "Sent", delivered: "Delivered", read: "Read" };
const LIST_ICON = ["M3 4.5h10M3 8h10M3 11.5h10"];
const REPLY_ICON = ["M7 4L3 8l4 4M3.4 8H10a4 4 0 0 1 4 4v1"];
const LINK_ICON = ["M9 3h4v4M13 3L7.5 8.5M11.5 9.5V13H3V4.5h3.5"];

export function make(tag, name, ...content) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...content.filter((item) => item !== null && item !== undefined));
  return node;
}

export function button(name, label, press, ...content) {
  const node = make("button", name, ...content);
  node.type = "button";
  if (label) node.setAttribute("aria-label", label);
  node.addEventListener("click", press);
  return node;
}

export function marked(node, testid) {
  node.dataset.testid = testid;
  return node;
}

function drawing(paths, width, height, box) {
  const look = {
    width, height, viewBox: box, "aria-hidden": "true", fill: "none", stroke: "currentColor",
    "stroke-width": "1.5", "stroke-linecap": "round", "stroke-linejoin": "round",
  };
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries(look)) svg.setAttribute(name, value);
  for (const path of paths) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    svg.append(line);
  }
  return svg;
}

const icon = (paths) => drawing(paths, 16, 16, "0 0 16 16");

/** The ticks of what the person wrote: sent, taken by the service, read by it. */
export function tick(status) {
  const node = make("span", `tick ${status}`, drawing(TICKS[status] ?? TICKS.sent, 17, 11, "0 0 16 11"));
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", TICK_WORDS[status] ?? "Sent");
  return marked(node, `tick-${status}`);
}

function words(text, name = "words") {
  const node = make("div", name, formatted(text));
  node.dir = "auto";
  return node;
}

function body(text) {
  const onlyEmoji = /^(\p{Extended_Pictographic}|\u200d|\ufe0f|\p{Emoji_Modifier}|\s){1,6}$/u.test(text);
  return words(text, onlyEmoji ? "words large" : "words");
}

const source = (media) => media.link ?? `/simulator/api/media/${encodeURIComponent(media.id)}`;

function picture(media, caption, act) {
  const image = make("img");
  Object.assign(image, { src: source(media), alt: caption || "Picture", loading: "lazy" });
  image.addEventListener("load", act.grown);
  const open = button("picture", caption ? `Open picture: ${caption}` : "Open picture", () => act.view(image.src, caption), image);
  image.addEventListener("error", () => {
    open.replaceChildren(make("span", "lost", "The picture cannot be loaded"));
    open.disabled = true;
  });
  return marked(open, "picture");
}

function file(media) {
  const name = media.filename || "File";
  const kind = /\.([a-z0-9]{1,4})$/i.exec(name)?.[1] ?? "file";
  const link = make("a", "file", make("span", "file-icon", kind.toUpperCase()), make("span", "", name));
  Object.assign(link, { href: source(media), target: "_blank", rel: "noopener noreferrer" });
  return marked(link, "file");
}

function player(tag, media) {
  const node = make(tag);
  Object.assign(node, { src: source(media), controls: true, preload: "metadata" });
  return node;
}

function header(head, act) {
  if (!head) return null;
  if (head.type === "text") return words(head.text, "head");
  if (head.type === "image") return picture(head.image, "", act);
  if (head.type === "video") return player("video", head.video);
  return file(head.document);
}

function tapOf(title, index, press, paths, name = "tap") {
  const node = marked(button(name, "", press, paths ? icon(paths) : null, make("span", "", title)), `button-${index}`);
  node.lastChild.dir = "auto";
  return node;
}

function address(title, url, index, name = "tap") {
  const link = make("a", name, icon(LINK_ICON), make("span", "", title));
  Object.assign(link, { href: /^https?:/.test(url) ? url : "#", target: "_blank", rel: "noopener noreferrer" });
  return marked(link, `button-${index}`);
}

function card(message, given, act) {
  const text = given.body?.text ?? "";
  const media = given.header.type === "image" ? picture(given.header.image, text, act) : player("video", given.header.video);
  const url = given.action.parameters;
  const taps = url
    ? [address(url.display_text, url.url, 0)]
    : given.action.buttons.map(({ quick_reply: reply }, index) => tapOf(reply.title, index, () => act.tap(message, reply.id), REPLY_ICON));
  return marked(make("div", "card", media, words(text, "card-words"), ...taps), "carousel-card");
}

function carousel(message, given, act) {
  const cards = make("div", "cards", ...given.action.cards.map((item) => card(message, item, act)));
  Object.assign(cards, { tabIndex: 0, role: "group", ariaLabel: "Cards, scroll sideways" });
  const step = (way) => () => cards.scrollBy({ left: way * cards.firstChild.offsetWidth, behavior: "smooth" });
  const way = make("div", "cards-way", button("", "Previous card", step(-1), "‹"), button("", "Next card", step(1), "›"));
  return [marked(cards, "carousel"), way];
}

/** What stands in the bubble and what below it. */
function interactive(message, given, act) {
  const inside = [header(given.header, act), given.body ? body(given.body.text) : null, given.footer ? words(given.footer.text, "foot") : null];
  const parameters = given.action?.parameters ?? {};
  switch (given.type) {
    case "button": {
      const taps = given.action.buttons.map(({ reply }, index) => tapOf(reply.title, index, () => act.tap(message, reply.id), REPLY_ICON));
      return { inside, below: [make("div", "taps", ...taps)], wide: true };
    }
    case "list": {
      const open = button("tap inner-tap", "", (event) => act.list(message, given, event.currentTarget), icon(LIST_ICON), make("span", "", given.action.button));
      return { inside, end: marked(open, "list-open"), wide: true };
    }
    case "carousel":
      return { inside, below: carousel(message, given, act), wide: true };
    case "cta_url":
      return { inside, below: [make("div", "taps", address(parameters.display_text, parameters.url, 0))], wide: true };
    case "location_request_message":
      return { inside, below: [make("div", "taps", tapOf("Send a location", 0, () => act.location(message)))], wide: true };
    default: {
      const tap = tapOf(parameters.flow_cta ?? "Not in the simulator", 0, () => {});
      tap.disabled = true;
      return { inside, below: [make("div", "taps", tap)] };
    }
  }
}

function template(message, given, act) {
  const parts = given.components ?? [];
  const text = parts.filter((part) => !part.sub_type).flatMap((part) => part.parameters ?? []).map((item) => item.text ?? "…");
  const quick = parts.filter((part) => String(part.sub_type).toLowerCase() === "quick_reply");
  const taps = quick.map((part, index) => tapOf(`Button ${index + 1}`, index, () => act.tap(message, part.parameters?.[0]?.payload), REPLY_ICON));
  const inside = [words(`Template ${given.name.replaceAll("_", " ")}`, "head"), body(text.join("\n"))];
  return { inside, below: taps.length ? [make("div", "taps", ...taps)] : [] };
}

function parts(message, act) {
  const given = message.content;
  switch (message.kind) {
    case "text": return { inside: [body(given.body ?? "")] };
    case "image": case "sticker":
      return { inside: [picture(given, given.caption ?? "", act), given.caption ? body(given.caption) : null], wide: true };
    case "video": return { inside: [player("video", given), given.caption ? body(given.caption) : null] };
    case "audio": return { inside: [player("audio", given)] };
    case "document": return { inside: [file(given), given.caption ? body(given.caption) : null], wide: true };
    case "location": return { inside: [body(`📍 ${given.name ?? "Location"}\n${given.address ?? `${given.latitude}, ${given.longitude}`}`)] };
    case "contacts": return { inside: [body((given.contacts ?? []).map((item) => `👤 ${item.name?.formatted_name}`).join("\n"))] };
    case "interactive":
      if (message.direction === "out") return interactive(message, given, act);
      return { inside: [body((given.button_reply ?? given.list_reply)?.title ?? "…"), given.list_reply?.description ? words(given.list_reply.description, "foot") : null] };
    case "button": return { inside: [body(given.text ?? "…")] };
    case "template": return template(message, given, act);
    default: return { inside: [body("This kind of message cannot be shown here")] };
  }
}

const summary = (message) => {
  const given = message.content;
  return given.body?.text ?? given.body ?? given.caption ?? given.button_reply?.title ?? given.list_reply?.title ?? "…";
};

/** The whole message. `act` does what taps ask for; `quoted` is the message that this one answers. */
export function bubble(message, quoted, act) {
  const shown = parts(message, act);
  const quote = quoted ? make("div", "quote", make("b", "", quoted.direction === "in" ? "You" : "Banksman"), make("span", "", formatted(String(summary(quoted)).slice(0, 160)))) : null;
  if (quote) quote.dir = "auto";
  const time = new Date(message.timestamp * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const stamp = make("span", "stamp", time);
  if (message.direction === "in") stamp.append(tick(message.status));
  const box = make("div", "bubble", quote, ...shown.inside, stamp, shown.end);
  const node = make("div", `message ${message.direction}${shown.wide ? " wide" : ""}`, marked(box, `bubble-${message.direction}`), ...(shown.below ?? []));
  node.dataset.id = message.id;
  node.dataset.kind = message.kind;
  return node;
}
