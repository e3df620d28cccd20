// What is known of a user.

import { ago, el, figure, plural, words } from "./dom.js";
import { picture } from "./visuals.js";
import { part } from "./why.js";

function event({ post_id, time_ms, actions, watch_s }, now) {
  return el("li", {},
    el("span", { class: "thumb" }, picture(post_id, null, 220)),
    el("span", { class: "what" }, el("strong", {}, `post ${post_id}`),
      el("span", { class: "quiet" }, [ago(Math.max(0, now - time_ms)), watch_s && `${figure(watch_s)} s`].filter(Boolean).join(" · "))),
    el("span", { class: "chips" }, actions.map((name) =>
      el("span", { class: `chip ${name === "hide" || name === "report" ? "bad" : "good"}` }, words(name)))));
}

function relations(state) {
  const told = Object.entries(state.relations).filter(([, ids]) => ids.length);
  if (!told.length) return null;
  return part("Relations", null, el("ul", { class: "notes" },
    told.map(([kind, ids]) => el("li", {}, `${words(kind)}: `, el("strong", {}, plural(ids.length, "creator"))))));
}

function tastes(state) {
  const best = state.topics.filter((topic) => topic.engaged > 0).sort((a, b) => b.engaged - a.engaged).slice(0, 6);
  if (!best.length) return null;
  return part("Topics", "Positive actions, decayed over 28 days.", el("p", { class: "chips" },
    best.map((topic) => el("span", { class: "chip" }, `${words(topic.topic ?? "unknown")} ${figure(topic.engaged)}`))));
}

export function history(state, id, now) {
  if (!state) return [el("p", {}, el("strong", {}, `User ${id}`)), el("p", { class: "quiet" }, "Nothing is known of them: a cold start.")];
  const { region, followers, following } = state.profile;
  const last = state.history.slice(-30).reverse();
  return [
    el("p", {}, el("strong", {}, `User ${id}`), el("span", { class: "quiet" },
      ` ${[region, plural(following, "followed", "followed"), plural(followers, "follower")].filter(Boolean).join(" · ")}`)),
    tastes(state),
    relations(state),
    part("History", `The last ${last.length} of ${plural(state.history.length, "post")} that were shown.`,
      el("ol", { class: "history" }, last.map((entry) => event(entry, now)))),
  ];
}
