// What a request went through: funnel, times, who took what out.

import { el, figure, percent, plural, svg, words } from "./dom.js";
import { part } from "./why.js";

const STAGES = ["state", "candidates", "features", "scoring", "rules", "side_effects"];

// Posts after each step, from what sources brought to what is shown.
function steps({ items, explanation: { components, dropped } }) {
  const by = (name) => components.find((c) => c.component === name);
  const raw = components.filter((c) => c.stage === "candidates" && !c.candidates_in && c.candidates_out);
  const distinct = items.length + dropped.length;
  return [
    ["raw", raw.reduce((sum, c) => sum + c.candidates_out, 0), "brought by sources"],
    ["distinct", distinct, "without repeats"],
    ["filtered", by("first")?.candidates_in ?? distinct, "may be shown"],
    ["pre-ranked", by("prerank")?.candidates_in ?? 0, "by trees"],
    ["ranked", by("ranker")?.candidates_in ?? 0, "by the network"],
    ["out", items.length, "in the feed"],
  ];
}

function funnel(feed) {
  const told = steps(feed);
  const most = Math.max(...told.map(([, count]) => count), 1);
  const tall = 44;
  const wide = (count) => 14 + (count / most) * 186;
  const rows = told.map(([name, count, note], i) => {
    const [here, below] = [wide(count), wide(told[i + 1]?.[1] ?? count)];
    const y = i * tall;
    const corners = [[100 - here / 2, y], [100 + here / 2, y], [100 + below / 2, y + tall - 5], [100 - below / 2, y + tall - 5]];
    return svg("g", {},
      svg("polygon", { points: corners.join(" "), class: `funnel-${i}` }),
      svg("text", { x: 100, y: y + 24, class: "count", "text-anchor": "middle" }, String(count)),
      svg("text", { x: 212, y: y + 18, class: "name" }, name),
      svg("text", { x: 212, y: y + 33, class: "note" }, note));
  });
  const spoken = told.map(([name, count]) => `${name} ${count}`).join(", ");
  return svg("svg", { viewBox: `0 0 340 ${told.length * tall}`, role: "img", class: "funnel", "aria-label": `Funnel: ${spoken}` }, rows);
}

function times({ timings_ms: timings }) {
  const shown = STAGES.filter((stage) => timings[stage]);
  const rest = Math.max(0, timings.total - shown.reduce((sum, stage) => sum + timings[stage], 0));
  const parts = [...shown.map((stage) => [stage, timings[stage]]), ["rest", rest]];
  let x = 0;
  const blocks = parts.map(([stage, ms]) => {
    const width = (ms / timings.total) * 100;
    const block = svg("rect", { x, y: 0, width, height: 10, class: `stage-${stage}` }, svg("title", {}, `${words(stage)} ${figure(ms)} ms`));
    x += width;
    return block;
  });
  const spoken = parts.map(([stage, ms]) => `${words(stage)} ${figure(ms)} ms`).join(", ");
  return [
    svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "times", role: "img", "aria-label": `Times: ${spoken}` }, blocks),
    el("ul", { class: "legend" }, parts.map(([stage, ms]) => el("li", {},
      el("span", { class: `dot stage-${stage}`, "aria-hidden": "true" }), `${words(stage)} `, el("strong", {}, `${figure(ms)} ms`)))),
  ];
}

function taken({ explanation: { dropped, reasons } }) {
  const groups = Map.groupBy ? Map.groupBy(dropped, (post) => post.component) : new Map();
  return [...groups].map(([name, posts]) => el("details", {},
    el("summary", {}, el("strong", {}, words(name)), el("span", { class: "number" }, String(posts.length)),
      el("span", { class: "quiet" }, reasons[name])),
    el("ul", { class: "posts" }, posts.slice(0, 60).map((post) => el("li", {}, String(post.post_id),
      post.score === null ? null : el("span", { class: "quiet" }, ` at ${figure(post.score)}`)))),
    posts.length > 60 && el("p", { class: "quiet" }, `and ${posts.length - 60} more`)));
}

function sources({ explanation: { components } }) {
  const all = components.filter((c) => c.stage === "candidates" && !c.candidates_in);
  return el("table", { class: "plain-table" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "source"), el("th", { scope: "col" }, "posts"), el("th", { scope: "col" }, "ms"))),
    el("tbody", {}, all.map((c) => el("tr", {}, el("th", { scope: "row" }, words(c.component)),
      el("td", {}, String(c.candidates_out)), el("td", {}, figure(c.ms))))));
}

function notes(feed) {
  const choices = Object.entries(feed.explanation.choices).map(([name, { chosen, propensity }]) =>
    el("li", {}, `bandit of ${words(name)}: `, el("strong", {}, words(chosen)), ` with a chance of ${percent(propensity)}`));
  const told = [
    el("li", {}, "release ", el("strong", {}, feed.release)),
    feed.cold_start && el("li", {}, "cold start: nothing is known of the user"),
    feed.degraded.length > 0 && el("li", { class: "bad" }, `answered without ${feed.degraded.map(words).join(", ")}`),
    feed.relaxed.length > 0 && el("li", {}, `gave way for want of posts: ${feed.relaxed.map(words).join(", ")}`),
    feed.coverage < 1 && el("li", { class: "bad" }, `${percent(feed.coverage)} of the sources answered`),
    ...Object.entries(feed.arms ?? {}).map(([name, arm]) => el("li", {}, `experiment ${words(name)}: `, el("strong", {}, words(arm)))),
    ...choices,
  ];
  return el("ul", { class: "notes" }, told.filter(Boolean));
}

export function request(feed) {
  return [
    notes(feed),
    part("Funnel", null, funnel(feed)),
    part(`Time: ${figure(feed.timings_ms.total)} ms`, null, ...times(feed)),
    part("Sources", null, sources(feed)),
    part("Not in the feed", plural(feed.explanation.dropped.length, "post"), ...taken(feed)),
    el("p", { class: "quiet" }, "This answer for an hour: ",
      el("a", { href: `/v1/explain/${feed.request_id}`, target: "_blank", rel: "noopener" }, `/v1/explain/${feed.request_id.slice(0, 8)}\u2026`)),
  ];
}
