// One post as people would see it, by content type.

import { ago, el, figure, plural, words } from "./dom.js";
import { avatar, hueOf, numbers, picture } from "./visuals.js";

const GLYPHS = { like: "\u2665", comment: "\u2026", share: "\u21aa", save: "\u2605", hide: "\u2715" };
const PHRASES = {
  // Stand-ins for captions that data sets do not carry.
  none: ["A moment from today", "Kept for later", "Small things", "Look at this", "One more try", "Finally done"],
};

function length(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function caption(item, post) {
  if (post?.caption) return post.caption;
  const phrase = PHRASES.none[Math.floor(numbers(item.post_id)() * PHRASES.none.length)];
  return post?.topic ? `${phrase}, ${words(post.topic)}` : phrase;
}

function media(item, post) {
  const kind = item.ad ? "ad" : (post?.kind ?? "video");
  const topic = post?.topic;
  if (kind === "text") {
    return el("blockquote", { class: "words", style: { "--hue": hueOf(topic ?? item.post_id) } }, caption(item, post));
  }
  if (kind === "carousel") {
    const frames = [0, 1, 2].map((i) => el("div", { class: "frame" }, picture(item.post_id + i, topic, 220)));
    return el("div", { class: "media carousel" }, frames, el("span", { class: "badge" }, "1/3"));
  }
  const badges = {
    video: el("span", { class: "badge" }, post?.duration_ms ? length(post.duration_ms) : "video"),
    live: el("span", { class: "badge live" }, "live"),
    ad: el("span", { class: "badge sponsored" }, "Ad"),
  };
  const play = kind === "video" || kind === "live" ? el("span", { class: "play", "aria-hidden": "true" }) : null;
  return el("div", { class: `media ${kind}` }, picture(item.post_id, topic, kind === "photo" ? 300 : 190), play, badges[kind]);
}

// `acts(action)` and `asks()` answer the buttons; `moved` says how the post stood in the feed before.
export function card(item, slot, post, now, { acts, asks, chosen, moved, done }) {
  const kind = post?.kind ?? "post";
  const age = post ? ago(Math.max(0, now - post.created_ms)) : "";
  const action = (name, label) => el("button", {
    type: "button", class: "act", "aria-pressed": String(done.has(name)), "data-action": name, title: label, onclick: () => acts(name),
  }, el("span", { "aria-hidden": "true" }, GLYPHS[name]), el("span", { class: "label" }, label));
  return el(
    "li",
    { class: chosen ? "card chosen" : "card", "data-post": item.post_id, "data-kind": kind },
    el("article", { "aria-label": `${slot + 1}: ${kind} ${item.post_id} by ${item.author_id}` },
      el("header", {},
        avatar(item.author_id),
        el("div", { class: "by" },
          el("strong", {}, `creator ${item.author_id}`),
          el("span", { class: "quiet" }, [age, post?.topic && words(post.topic), post?.region].filter(Boolean).join(" · "))),
        el("button", {
          type: "button", class: "act follow", "data-action": "follow", "aria-pressed": String(done.has("follow")), onclick: () => acts("follow"),
        }, "Follow"),
        moved && el("span", { class: `moved ${moved.kind}` }, moved.text),
        el("span", { class: "slot", title: "place in the feed" }, String(slot + 1))),
      media(item, post),
      kind === "text" ? null : el("p", { class: "caption" }, caption(item, post)),
      el("p", { class: "sources" }, item.ad && el("span", { class: "chip sponsored" }, "Sponsored"),
        item.sources.map((name) => el("span", { class: "chip" }, words(name)))),
      el("footer", {},
        action("like", "Like"), action("comment", "Comment"), action("share", "Share"), action("save", "Save"),
        action("hide", "Hide"),
        el("button", { type: "button", class: "why", onclick: asks, "aria-controls": "why" },
          "Why? ", el("span", { class: "quiet" }, figure(item.score))))),
  );
}

export const emptyFeed = () => el("li", { class: "empty" }, "No posts: nothing is left that this user may be shown.");
export const summary = (feed) =>
  `${plural(feed.items.length, "post")} in ${figure(feed.timings_ms.total)} ms` + (feed.cold_start ? ", cold start" : "");
