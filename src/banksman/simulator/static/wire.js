// Requests to the simulator. Errors are sentences that a person can read.

export async function ask(path, { json, form, method, signal } = {}) {
  const sends = json !== undefined || form !== undefined;
  let answer;
  try {
    answer = await fetch(`/simulator/api${path}`, {
      method: method ?? (sends ? "POST" : "GET"),
      headers: json === undefined ? {} : { "Content-Type": "application/json" },
      body: form ?? (json === undefined ? undefined : JSON.stringify(json)),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The simulator is not running. It is tried again until it is back.");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.error ?? `The simulator answered with an error (${answer.status}).`);
  return found;
}
