// The chat page: whose phone it is, what its chat holds, and what the person does.

import { bubble, button, make, marked, tick } from "./bubbles.js";
import { faults } from "./faults.js";
import * as overlay from "./overlay.js";
import { ask } from "./wire.js";

const $ = (selector) => document.querySelector(selector);
const chat = $(".chat"), list = $(".messages"), field = $("textarea"), banner = $(".banner");
const picker = $(".bar-person select"), fileInput = $("input[type=file]"), attached = $(".attached");
const SITE = { latitude: 50.6365, longitude: 3.0635, name: "Building site" };

let people = [];
let person = null; // whose phone this is
let chatState = null; // of this person: { messages, epoch, revision, stop }
let sending = Promise.resolve(); // one after the other, so that order holds
let typingEnds = 0;
let file = null;

// --- people -----------------------------------------------------------------------------------------

const hue = (name) => [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
const initials = (name) => name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();

function language(code) {
  try {
    return code ? new Intl.DisplayNames(["en"], { type: "language" }).of(code) : null;
  } catch {
    return code;
  }
}

function showPeople() {
  const cards = people.map((item) => {
    const face = make("span", "initials", initials(item.name));
    face.style.background = `hsl(${hue(item.name)} 42% 46%)`;
    face.setAttribute("aria-hidden", "true");
    const name = make("span", "person-name", item.name);
    name.dir = "auto";
    const more = make("span", "person-more", [language(item.language), `+${item.wa_id}`].filter(Boolean).join(" · "));
    const card = button("person", "", () => choose(item.wa_id), face, make("span", "", name, more));
    card.dataset.waId = item.wa_id;
    return marked(card, `person-${item.wa_id}`);
  });
  $(".people").replaceChildren(...cards);
  picker.replaceChildren(...people.map((item) => new Option(item.name, item.wa_id)));
}

function choose(waId) {
  if (person === waId) return;
  chatState?.stop.abort();
  overlay.close();
  person = waId;
  chatState = { messages: new Map(), epoch: "", revision: 0, stop: new AbortController() };
  list.replaceChildren();
  typing(0);
  picker.value = waId;
  for (const card of document.querySelectorAll(".person")) card.setAttribute("aria-current", card.dataset.waId === waId);
  const url = new URL(location.href);
  url.searchParams.set("as", waId);
  history.replaceState(null, "", url);
  follow(chatState, waId);
  if (matchMedia("(hover: hover)").matches) field.focus();
}

async function loadPeople() {
  for (;;) {
    try {
      people = (await ask("/people")).people;
      if (people.length) break;
      complain("There is nobody in the crew yet. Import people, then this page shows them.");
    } catch (error) {
      complain(error.message);
    }
    await pause(1500);
  }
  complain(null);
  showPeople();
  const asked = new URL(location.href).searchParams.get("as");
  choose(people.some((item) => item.wa_id === asked) ? asked : people[0].wa_id);
}

// --- the chat ---------------------------------------------------------------------------------------

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function complain(words) {
  banner.textContent = words ?? "";
  banner.hidden = !words;
}

/** Follow a person's chat until another one is chosen. */
async function follow(state, waId) {
  const { signal } = state.stop;
  while (!signal.aborted) {
    try {
      const found = await ask(`/chats/${waId}/events?after=${state.revision}&epoch=${state.epoch}`, { signal });
      if (signal.aborted) return;
      show(state, found);
      complain(found.problem);
    } catch (error) {
      if (signal.aborted) return;
      complain(error.message);
      await pause(1000);
    }
  }
}

function show(state, found) {
  const atEnd = nearEnd();
  if (found.reset) {
    list.replaceChildren();
    state.messages.clear();
  }
  state.epoch = found.epoch;
  state.revision = found.revision;
  let own = false;
  for (const message of found.messages) {
    const known = state.messages.get(message.id);
    state.messages.set(message.id, message);
    if (known) update(message);
    else {
      add(state, message);
      own ||= message.direction === "in";
    }
  }
  typing(found.typing_seconds);
  if (atEnd || own || found.reset) toEnd(found.reset ? "instant" : "smooth");
  else $(".to-end").hidden = nearEnd();
  seen();
}

const nodeOf = (id) => list.querySelector(`[data-id="${CSS.escape(id)}"]`);

function add(state, message) {
  if (message.kind === "reaction") return react(message);
  if (message.status === "failed") return list.append(failure(message));
  const day = new Date(message.timestamp * 1000).toDateString();
  if (day !== list.dataset.day || !list.children.length) {
    list.dataset.day = day;
    const today = day === new Date().toDateString();
    list.append(make("p", "chip", today ? "Today" : new Date(day).toLocaleDateString([], { dateStyle: "long" })));
  }
  const before = list.lastElementChild;
  const node = bubble(message, state.messages.get(message.reply_to), { tap, list: openList, view: overlay.picture, location: sendPlace, grown });
  if (!before?.classList.contains(message.direction)) node.classList.add("first");
  list.append(node);
}

function update(message) {
  const node = nodeOf(message.id);
  if (!node) return;
  if (message.status === "failed" && !node.classList.contains("chip")) node.replaceWith(failure(message));
  else if (message.direction === "in") node.querySelector(".tick")?.replaceWith(tick(message.status));
}

function failure(message) {
  const why = message.error === 131047 ? "more than 24 hours have passed since the last message" : `error ${message.error}`;
  const node = make("p", "chip alert", `A message of the service did not arrive: ${why}.`);
  node.dataset.id = message.id;
  return marked(node, "failed");
}

function react(message) {
  const target = nodeOf(message.content.message_id ?? "");
  target?.querySelector(".reaction")?.remove();
  if (target && message.content.emoji) target.querySelector(".bubble").after(marked(make("span", "reaction", message.content.emoji), "reaction"));
}

function typing(seconds) {
  typingEnds = Date.now() + seconds * 1000;
  const types = seconds > 0;
  $(".typing").hidden = !types;
  $(".bar-state").textContent = types ? "typing…" : "online";
  if (types) setTimeout(() => Date.now() >= typingEnds && typing(0), seconds * 1000 + 20);
}

const nearEnd = () => chat.scrollHeight - chat.scrollTop - chat.clientHeight < 90;

let followsEnd = true; // whether the end stays in view while pictures load
function toEnd(behavior = "smooth") {
  followsEnd = true;
  chat.scrollTo({ top: chat.scrollHeight, behavior });
  $(".to-end").hidden = true;
}
const grown = () => followsEnd && toEnd("instant");
chat.addEventListener("wheel", () => (followsEnd = false), { passive: true });
chat.addEventListener("touchmove", () => (followsEnd = false), { passive: true });
chat.addEventListener("scroll", () => {
  if (nearEnd()) followsEnd = true;
  $(".to-end").hidden = followsEnd || nearEnd();
});
$(".to-end").addEventListener("click", () => toEnd());

/** Tell WhatsApp that the newest messages are on the screen. */
function seen() {
  if (document.visibilityState !== "visible" || !chatState) return;
  const unseen = [...chatState.messages.values()].some((item) => item.direction === "out" && !item.seen && item.status !== "failed");
  if (unseen) ask(`/chats/${person}/read`, { json: {} }).catch(() => {});
}
document.addEventListener("visibilitychange", seen);

// --- what the person does -----------------------------------------------------------------------------

/** Send after what is being sent; `failed` gets back what could not be sent. */
function send(request, failed = () => {}) {
  const waId = person;
  sending = sending.then(() => ask(`/chats/${waId}/messages`, request)).catch((error) => {
    complain(error.message);
    failed();
  });
}

const tap = (message, id) => send({ json: { type: "tap", message_id: message.id, id } });
const openList = (message, given) => overlay.list(given, (id) => send({ json: { type: "list", message_id: message.id, id } }));
const sendPlace = (message) => send({ json: { type: "raw", message: { type: "location", location: SITE, context: { id: message.id } } } });

function fit() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 132)}px`;
}

function submit() {
  const text = field.value;
  if (!person || (!text.trim() && !file)) return;
  const given = file;
  if (given) {
    const form = new FormData();
    form.append("file", given);
    form.append("caption", text.trim());
    send({ form }, () => restore(text, given));
  } else send({ json: { type: "text", text } }, () => restore(text, null));
  restore("", null);
}

function restore(text, given) {
  field.value = text;
  attach(given);
  fit();
  field.focus();
}

function attach(given) {
  file = given;
  const image = attached.querySelector("img");
  if (image.src) URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  attached.hidden = !given;
  image.hidden = !given?.type.startsWith("image/");
  if (given && !image.hidden) image.src = URL.createObjectURL(given);
  $(".attached-name").textContent = given?.name ?? "";
  field.placeholder = given ? "Add a caption" : "Message";
  fileInput.value = "";
}

$(".composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
field.addEventListener("input", fit);
field.addEventListener("paste", (event) => event.clipboardData.files[0] && attach(event.clipboardData.files[0]));
$(".attach").addEventListener("click", () => fileInput.click());
$(".attached-remove").addEventListener("click", () => restore(field.value, null));
fileInput.addEventListener("change", () => fileInput.files[0] && restore(field.value, fileInput.files[0]));
picker.addEventListener("change", () => choose(picker.value));

loadPeople();
faults($(".faults-form"), complain);
