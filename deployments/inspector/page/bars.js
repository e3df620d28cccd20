// Rows of bars to both sides of a middle line.

import { el, signed } from "./dom.js";

// `rows`: [name, value, note]. Widths are shares of the greatest value.
export function bars(rows, label, text = signed) {
  const most = Math.max(...rows.map(([, value]) => Math.abs(value)), 1e-12);
  return el("table", { class: "bars" },
    el("caption", { class: "hidden" }, label),
    el("tbody", {}, rows.map(([name, value, note]) => el("tr", {},
      el("th", { scope: "row" }, name, note && el("span", { class: "note" }, note)),
      el("td", { class: "bar" }, el("span", {
        class: value < 0 ? "minus" : "plus",
        style: { "--share": `${(Math.abs(value) / most) * 50}%` },
      })),
      el("td", { class: "number" }, text(value))))));
}
