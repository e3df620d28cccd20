// The page: what is asked, what is shown, and what follows from acting as the user.

import * as api from "./api.js";
import { card, emptyFeed, summary } from "./card.js";
import { byId, el, plural, show } from "./dom.js";
import { history } from "./history.js";
import { request } from "./request.js";
import { nobody, why } from "./why.js";

const PATIENCE_MS = 4000;
const UNDO = { like: "unlike", save: "unsave", follow: "unfollow" };
const TOLD = {
  like: "Liked", comment: "Commented on", share: "Shared", save: "Saved", hide: "Hid", unlike: "No longer likes", unsave: "No longer keeps",
  follow: "Followed the creator of", unfollow: "No longer follows the creator of",
};

const state = { user: null, feed: null, items: [], before: null, chosen: null, done: new Map(), seen: new Set(), clock: 0, turn: 0 };

const now = () => Date.now() + state.clock;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function say(text, bad = false) {
  byId("notice").textContent = text;
  byId("notice").classList.toggle("bad", bad);
}

const guarded = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    say(error.message, true);
  }
};

function asked(cursor) {
  const form = new FormData(byId("asking"));
  const time = form.get("time");
  return {
    user_id: BigInt(form.get("user")),
    surface: form.get("surface"),
    limit: Number(form.get("limit")),
    context: time ? { time_ms: Date.parse(`${time}Z`) } : {},
    ...(cursor ? { cursor } : {}),
  };
}

// How a post stands beside the feed before: only where there was one of the same kind.
function moved(item, slot) {
  if (!state.before) return null;
  const was = state.before.get(String(item.post_id));
  if (was === undefined) return { kind: "new", text: "new" };
  if (was === slot) return null;
  return was > slot ? { kind: "up", text: `\u25b2 ${was - slot}` } : { kind: "down", text: `\u25bc ${slot - was}` };
}

const doneWith = (item) => {
  const id = String(item.post_id);
  if (!state.done.has(id)) state.done.set(id, new Set());
  return state.done.get(id);
};

function drawCard(item, slot, post) {
  return card(item, slot, post, now(), {
    chosen: String(state.chosen?.post_id) === String(item.post_id),
    acts: (action) => act(item, slot, action),
    asks: () => choose(item, slot, true),
    moved: moved(item, slot),
    done: doneWith(item),
  });
}

// Cards come at once, and again with what is known of their posts.
function drawFeed(from = 0) {
  const list = byId("feed");
  if (!from) list.replaceChildren();
  if (!state.items.length) list.replaceChildren(emptyFeed());
  state.items.slice(from).forEach((item, i) => {
    const first = drawCard(item, from + i, null);
    list.append(first);
    api.post(item.post_id).then((post) => post && first.isConnected && first.replaceWith(drawCard(item, from + i, post)));
  });
  byId("more").hidden = !state.feed.cursor;
}

function choose(item, slot, go = false) {
  state.chosen = item;
  show("why", why(item, slot, state.feed.explanation.choices));
  for (const one of byId("feed").children) one.classList.toggle("chosen", one.dataset.post === String(item.post_id));
  if (go) {
    view("why");
    byId("why").focus({ preventScroll: matchMedia("(min-width: 60rem)").matches });
  }
}

async function drawUser() {
  show("history", history(await api.user(state.user), state.user, now()));
}

async function load({ compare = false, cursor = null } = {}) {
  const wanted = asked(cursor);
  const turn = ++state.turn;
  byId("feed").setAttribute("aria-busy", "true");
  try {
    const feed = await api.feed(wanted);
    if (turn !== state.turn) return feed; // somebody has asked for another one meanwhile
    state.before = compare ? new Map(state.items.map((item, slot) => [String(item.post_id), slot])) : null;
    state.feed = feed;
    state.user = wanted.user_id;
    const from = cursor ? state.items.length : 0;
    state.items = cursor ? [...state.items, ...state.feed.items] : state.feed.items;
    state.chosen = state.feed.items[0] ?? null;
    drawFeed(from);
    show("request", request(state.feed));
    if (state.items[from]) choose(state.items[from], from);
    else show("why", nobody());
    window.history.replaceState(null, "", `?user=${state.user}&surface=${wanted.surface}`);
    await drawUser();
    return state.feed;
  } finally {
    if (turn === state.turn) byId("feed").removeAttribute("aria-busy");
  }
}

// Tell the server what the user did, wait for it to be known, and show the next feed.
const act = guarded(async (item, slot, action) => {
  const done = doneWith(item);
  const name = done.has(action) && UNDO[action] ? UNDO[action] : action;
  const event = (what) => ({
    event_id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, user_id: state.user, action: what,
    post_id: item.post_id, request_id: state.feed.request_id, position: slot, surface: asked().surface,
  });
  const events = [event(name)];
  if (!state.seen.has(String(item.post_id))) events.unshift(event("impression"));
  const told = await api.tell(events);
  if (told.errors.length) throw new Error(`${told.errors[0].field}: ${told.errors[0].message}`);
  state.seen.add(String(item.post_id));
  if (name === action) done.add(action);
  else done.delete(action);
  await known(item);
  const before = new Set(state.items.map((one) => String(one.post_id)));
  const feed = await load({ compare: true });
  const fresh = feed.items.filter((one) => !before.has(String(one.post_id))).length;
  say(`${TOLD[name]} post ${item.post_id}. In the next feed ${fresh ? plural(fresh, "post is new", "posts are new") : "no post is new"}.`);
});

// Wait until the user's state holds the impression.
async function known(item) {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const told = await api.user(state.user);
    if (told?.history.some((entry) => String(entry.post_id) === String(item.post_id))) return;
    await pause(60);
  }
}

function view(name) {
  document.body.dataset.view = name;
  for (const tab of document.querySelectorAll(".tabs button"))
    tab.setAttribute("aria-current", String(tab.dataset.to === name));
  if (matchMedia("(max-width: 59.99rem)").matches) window.scrollTo({ top: 0 });
}

const look = guarded(async () => {
  state.seen.clear();
  state.done.clear();
  say("");
  const feed = await load();
  say(summary(feed));
});

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const next = (document.documentElement.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
}

async function begin() {
  const kept = localStorage.getItem("theme");
  if (kept) document.documentElement.dataset.theme = kept;
  const [status, users] = await Promise.all([api.status(), api.someUsers()]);
  state.clock = status.feed_time_ms - Date.now();
  byId("server").textContent = `release ${status.release} · feed time ${new Date(status.feed_time_ms).toISOString().slice(0, 16).replace("T", " ")}`;
  show("users", users.map((id) => el("option", { value: String(id) })));
  const pick = (id) => {
    byId("user").value = String(id);
    look();
  };
  show("people", users.map((id) => el("button", { type: "button", onclick: () => pick(id) }, String(id))),
    el("button", { type: "button", onclick: () => pick(999_999_937) }, "somebody new"));
  const address = new URLSearchParams(location.search);
  byId("user").value = address.get("user") ?? String(users[0] ?? 1);
  const surface = document.querySelector(`[name=surface][value="${address.get("surface") === "explore" ? "explore" : "home"}"]`);
  surface.checked = true;
  await look();
}

byId("asking").addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
for (const radio of document.querySelectorAll("[name=surface]")) radio.addEventListener("change", look);
byId("now").addEventListener("click", () => {
  byId("time").value = "";
  look();
});
byId("more").addEventListener("click", guarded(() => load({ cursor: state.feed.cursor })));
byId("theme").addEventListener("click", theme);
for (const tab of document.querySelectorAll(".tabs button")) tab.addEventListener("click", () => view(tab.dataset.to));
show("why", nobody());
guarded(begin)();
