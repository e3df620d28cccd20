// Pictures for posts that have none: drawn from their ids, so that a post always looks the same.

import { svg } from "./dom.js";

// Mulberry32 (Tommy Ettinger): a small generator of numbers from 0 to 1, seeded by an id.
export function numbers(seed) {
  let a = Number(BigInt(seed) % 4294967291n);
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const colour = (hue, light, chroma = 0.12) => `oklch(${light} ${chroma} ${Math.round(hue)})`;

export function hueOf(text) {
  let hash = 7;
  for (const letter of String(text)) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return (hash * 47) % 360;
}

let made = 0;

// A landscape of a topic's colours: sky, sun and hills.
export function picture(seed, topic, height = 180) {
  const next = numbers(seed);
  const hue = (topic ? hueOf(topic) : next() * 360) + next() * 36 - 18;
  const id = `sky${made++}`;
  const hills = [0.55, 0.72, 0.86].map((at, layer) => {
    const points = Array.from({ length: 7 }, (_, i) => [i * 60 - 20, height * (at + (next() - 0.5) * 0.24)]);
    const line = points.map(([x, y], i) => {
      if (!i) return `M${x} ${y}`;
      const [px, py] = points[i - 1];
      return `C${px + 30} ${py} ${x - 30} ${y} ${x} ${y}`;
    });
    return svg("path", { d: `${line.join("")}V${height}H-20Z`, fill: colour(hue + layer * 22, 0.62 - layer * 0.13) });
  });
  return svg(
    "svg",
    { viewBox: `0 0 320 ${height}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" },
    svg("defs", {}, svg("linearGradient", { id, x2: "0", y2: "1" },
      svg("stop", { "stop-color": colour(hue + 60, 0.82, 0.09) }),
      svg("stop", { offset: "1", "stop-color": colour(hue + 20, 0.92, 0.05) }))),
    svg("rect", { width: 320, height, fill: `url(#${id})` }),
    svg("circle", { cx: 40 + next() * 240, cy: height * (0.2 + next() * 0.25), r: 14 + next() * 18, fill: colour(hue + 90, 0.94, 0.07) }),
    hills,
  );
}

// A face of an author: two letters of the id on their colour.
export function avatar(author) {
  const hue = numbers(author)() * 360;
  return svg(
    "svg",
    { viewBox: "0 0 40 40", class: "avatar", "aria-hidden": "true" },
    svg("circle", { cx: 20, cy: 20, r: 20, fill: colour(hue, 0.55, 0.13) }),
    svg("text", { x: 20, y: 25, "text-anchor": "middle", fill: "#fff", "font-size": 14, "font-weight": 600 },
      String(author).slice(-2)),
  );
}
