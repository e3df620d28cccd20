// What the server is asked. Errors carry the server's own words.

// Ids have 64 bits, numbers of this language 53: longer ones are kept as BigInt, where the browser tells their digits.
const exact = (_, value, context) =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && context ? BigInt(context.source) : value;
const raw = (_, value) => (typeof value === "bigint" ? (JSON.rawJSON?.(String(value)) ?? Number(value)) : value);

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body, raw),
    });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const told = JSON.parse(await answer.text(), exact);
  if (!answer.ok) {
    const { field, message } = told.error;
    throw Object.assign(new Error(`${field}: ${message}`), { status: answer.status });
  }
  return told;
}

export const status = () => ask("GET", "/v1/status");
export const someUsers = async () => (await ask("GET", "/v1/users")).user_ids;
export const feed = (request) => ask("POST", "/v1/feed", { ...request, deadline_ms: 2000, explain: true });
export const tell = (events) => ask("POST", "/v1/events", { events });

export async function user(id) {
  try {
    return await ask("GET", `/v1/users/${id}/state`);
  } catch (error) {
    if (error.status === 404) return null; // nothing is stored of them
    throw error;
  }
}

const posts = new Map();

// A post as it stands; the contents of one are asked for once.
export function post(id) {
  if (!posts.has(id)) posts.set(id, ask("GET", `/v1/posts/${id}`).catch(() => null));
  return posts.get(id);
}
