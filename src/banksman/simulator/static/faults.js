// The drawer "Bad days": how the simulated WhatsApp behaves.

import { button, make } from "./bubbles.js";
import { ask } from "./wire.js";

const SWITCHES = [
  ["Every webhook arrives twice", (on) => ({ doubles: on ? 2 : 1 }), (now) => now.doubles > 1],
  ["Webhooks are batched anew", (on) => ({ rebatch: on }), (now) => now.rebatch],
  ["Statuses come out of order", (on) => ({ statuses_out_of_order: on }), (now) => now.statuses_out_of_order],
  ["The 24-hour window is closed", (on) => ({ window_closed: on }), (now) => now.window_closed],
  ["One message in 6 seconds (pair rate)", (on) => ({ pair_rate: on }), (now) => now.pair_rate],
  ["Media have expired", (on) => ({ media_expired: on }), (now) => now.media_expired],
];
const ONCE = [
  ["The next send gets no answer, but goes", { kind: "cut_after" }],
  ["The next send is refused (500)", { kind: "error", status: 500, code: 131000 }],
  ["The next send is throttled (429)", { kind: "error", status: 429, code: 130429, retry_after: 2 }],
];

/** Fill `form`; `complain` shows an error. */
export async function faults(form, complain) {
  const change = (knobs) => ask("/behaviour", { method: "PATCH", json: knobs }).catch((error) => complain(error.message));
  const now = await ask("/behaviour").catch(() => null);
  if (!now) return;
  for (const [words, knobs, is] of SWITCHES) {
    const box = make("input");
    Object.assign(box, { type: "checkbox", checked: is(now) });
    box.addEventListener("change", () => change(knobs(box.checked)));
    form.append(make("label", "", box, words));
  }
  for (const [words, fault] of ONCE) form.append(button("", "", () => change({ send_faults: [fault] }), words));
}
