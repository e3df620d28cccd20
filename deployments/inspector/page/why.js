// Why a post is where it is.

import { bars } from "./bars.js";
import { el, figure, percent, plural, signed, words } from "./dom.js";

const NAMES = { post: "this very post", post_content: "its contents" };
const MOVERS = { decays: "repeats and likeness", served: "shown lately", new_creators: "place for new creators" };
const part = (title, hint, ...content) =>
  el("section", { class: "part" }, el("h3", {}, title), hint && el("p", { class: "quiet" }, hint), ...content);

function place(item, slot) {
  const { place_by_utility: before, moves } = item.why;
  if (before === null) return part("Place", null, el("p", {}, item.ad
    ? `An ad, in slot ${slot + 1}, which is kept for one.` : `Tried in slot ${slot + 1}, which is kept for posts that few have seen.`));
  const rows = Object.entries(moves).map(([name, by]) => el("li", { class: by > 0 ? "up" : "down" },
    el("span", { "aria-hidden": "true" }, by > 0 ? "\u25b2" : "\u25bc"), ` ${MOVERS[name] ?? words(name)} `,
    el("strong", {}, `${by > 0 ? "up" : "down"} ${plural(Math.abs(by), "place")}`)));
  return part("Place", null,
    el("p", { class: "path" },
      el("span", { class: "step" }, el("strong", {}, String(before + 1)), "by utility"),
      el("span", { "aria-hidden": "true" }, "\u2192"),
      el("span", { class: "step" }, el("strong", {}, String(slot + 1)), "in the feed")),
    rows.length ? el("ul", { class: "moves" }, rows) : el("p", { class: "quiet" }, "No rule moved it."));
}

function score(item) {
  const { utility, factors } = item.why;
  if (utility === null) return null;
  const times = utility < 0 ? "\u00f7" : "\u00d7";
  const chips = Object.entries(factors).map(([name, by]) =>
    el("span", { class: `chip ${by > 1 ? "good" : "bad"}` }, `${times} ${by.toFixed(3)} ${words(name)}`));
  return part("Score", "Utility, times what the rules make of it.",
    el("p", { class: "equation" }, el("strong", {}, figure(utility)), chips, "=", el("strong", {}, figure(item.score))));
}

const predicted = (head, value) =>
  value === undefined ? null : head === "watch_time" ? `${figure(value)} s` : percent(value);

function terms(item) {
  const rows = Object.entries(item.why.terms)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .map(([head, term]) => [words(head), term, predicted(head, item.heads[head])]);
  if (!rows.length) return part("Utility", null, el("p", {}, "The ranker had no part in it."));
  return part("Utility", item.ad ? "What it is worth as an ad." : "What the user is expected to do, times what it is worth.", bars(rows, "Utility by head"));
}

function influences(item) {
  const told = item.why.influences;
  if (!told?.length) return null;
  const rows = told.map(({ feature, value, middle, effect }) => [NAMES[feature] ?? words(feature), effect,
    value === null ? null : `${figure(value)}, in the middle ${figure(middle)}`]);
  return part("What mattered most", "What its utility would lose if it were as the middle candidate of this request.",
    bars(rows, "Features that mattered most"));
}

function bandit(item, choices) {
  const { exploration, source } = choices;
  const notes = [];
  if (exploration?.chosen === String(item.post_id))
    notes.push(`Drawn to be explored, with a chance of ${percent(exploration.propensity)}.`);
  if (source && item.sources.includes(source.chosen))
    notes.push(`Its source ${words(source.chosen)} was favoured, with a chance of ${percent(source.propensity)}.`);
  return notes.length ? part("Bandit", null, ...notes.map((note) => el("p", {}, note))) : null;
}

export function why(item, slot, choices) {
  return [
    el("p", { class: "who" }, el("strong", {}, `Post ${item.post_id}`), ` by creator ${item.author_id}`,
      el("span", { class: "chips" }, "from", item.sources.map((name) => el("span", { class: "chip" }, words(name))))),
    place(item, slot), score(item), terms(item), influences(item), bandit(item, choices),
  ];
}

export const nobody = () => el("p", { class: "quiet" }, "Choose \u201cWhy?\u201d of a post to see why it is where it is.");
export { part, signed };
