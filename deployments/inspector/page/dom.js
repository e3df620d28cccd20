// Building elements without markup: text is always text.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, how] of Object.entries(value)) element.style.setProperty(key, how);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);
export const show = (id, ...children) => byId(id).replaceChildren(...children.flat().filter(Boolean));

export const words = (name) => name.replaceAll("_", " ");
export const plural = (count, one, many = one + "s") => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

// A number with as many digits as tell something.
export function figure(value) {
  const size = Math.abs(value);
  if (value === 0 || Number.isInteger(value)) return value.toLocaleString("en");
  if (size >= 100) return Math.round(value).toLocaleString("en");
  if (size >= 0.001) return String(Number(value.toPrecision(3)));
  return value.toExponential(1);
}

export const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + figure(Math.abs(value));
export const percent = (value) => `${figure(value * 100)} %`;

export function ago(milliseconds) {
  const minutes = milliseconds / 60_000;
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.round(minutes)} min ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / 1440)} days ago`;
}
