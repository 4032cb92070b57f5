// Elements, text and numbers. Everything a model or a data set said goes through text nodes, never through markup.
"use strict";

const AB = {};

AB.SVG = "http://www.w3.org/2000/svg";
AB.STATUSES = ["scored", "unparsed", "truncated", "refused", "error", "invalid_audio"];

/** An element: properties that are functions become listeners, `class` and the rest attributes; children are nodes or text. */
AB.h = function (tag, properties, ...children) {
  return AB.fill(document.createElement(tag), properties, children);
};

AB.s = function (tag, properties, ...children) {
  return AB.fill(document.createElementNS(AB.SVG, tag), properties, children);
};

AB.fill = function (element, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
};

// Characters that change how their neighbours look, or that cannot be seen: shown by their code instead. Joiners
// (U+200C, U+200D) stay, scripts and emoji need them.
AB.HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;
AB.NAMES = new Map([
  [0x00, "null"], [0x0d, "carriage return"], [0x1b, "escape"], [0xad, "soft hyphen"], [0x200b, "zero width space"],
  [0x200e, "left-to-right mark"], [0x200f, "right-to-left mark"], [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"], [0x202c, "pop directional formatting"], [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"], [0x2066, "left-to-right isolate"], [0x2067, "right-to-left isolate"],
  [0x2068, "first strong isolate"], [0x2069, "pop directional isolate"], [0xfeff, "byte order mark"],
]);

/** `text` as nodes, hidden characters made visible. */
AB.visible = function (text) {
  const nodes = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(AB.HIDDEN)) {
    if (match.index > end) nodes.append(text.slice(end, match.index));
    const code = match[0].codePointAt(0);
    const label = "U+" + code.toString(16).toUpperCase().padStart(4, "0");
    nodes.append(AB.h("span", { class: "hidden-char", title: AB.NAMES.get(code) || "not printable" }, label));
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.append(text.slice(end));
  return nodes;
};

/** The same as a plain string, where only that can stand (options, the window's title). */
AB.plain = (text) => AB.visible(text).textContent;

AB.PIECE = 20000;

/** A block of somebody's text; long ones come piece by piece. */
AB.prose = function (text, name, extra) {
  const block = AB.h("div", { class: "prose " + (extra || ""), dir: "auto", tabindex: "0", role: "region", "aria-label": name });
  let end = 0;
  const more = AB.h("button", { type: "button", class: "button more", click: () => grow() });
  function grow() {
    const next = Math.min(text.length, end + AB.PIECE);
    more.remove();
    block.append(AB.visible(text.slice(end, next)));
    end = next;
    if (end < text.length) {
      more.textContent = `Show more (${AB.count(text.length - end)} of ${AB.count(text.length)} characters left)`;
      block.append(more);
    }
  }
  grow();
  return block;
};

AB.count = (n) => Number(n).toLocaleString("en-US");

/** One decimal (x >= 0) as the command line's tables have it: the only tie that toFixed takes to the odd digit is .25. */
const oneDecimal = (x) => (x % 1 === 0.25 ? x - 0.05 : x).toFixed(1);

/** A score: per cent with one decimal, or a plain number. */
AB.score = function (value, task) {
  if (value === null || value === undefined) return "–";
  return task.percent ? oneDecimal(100 * value) : Number(value.toPrecision(4)).toString();
};

AB.unit = (task) => (task.percent ? "\u202f%" : "");

/** A difference: percentage points with one decimal, or in the unit of the scores. */
AB.signed = (value, task) => (value >= 0 ? "+" : "−") + AB.score(Math.abs(value), task);

AB.seconds = function (value) {
  if (value === null || value === undefined || !isFinite(value)) return "–";
  if (value < 60) return value.toFixed(value < 10 ? 2 : 1) + "\u202fs";
  return Math.floor(value / 60) + ":" + String(Math.floor(value % 60)).padStart(2, "0") + "\u202fmin";
};

AB.date = function (seconds) {
  if (!seconds) return "";
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
};

AB.hue = (arm) => "arm-" + (arm % 24);
