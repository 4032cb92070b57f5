// Scores with their 95 % intervals, drawn as a dot on a whisker. Horizontal places are per cents of the drawing's width.
"use strict";

AB.plot = (function () {
  const { s } = AB;

  /** Lowest and highest value of an axis for some of a task's scores: 0 to 1 for rates, else what the scores need. */
  function axis(task, scores) {
    const values = scores.flatMap((m) => [m.value, ...m.ci]);
    const known = values.filter((v) => v !== null && isFinite(v));
    const high = Math.max(...known, 0), low = Math.min(...known, 0);
    if (task.percent && high <= 1 && task.higher_is_better) return [0, 1];
    const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1e-9)));
    return [Math.floor(low / step) * step, Math.max(Math.ceil(high / step), 1) * step];
  }

  const at = (value, [low, high]) => (100 * Math.min(1, Math.max(0, (value - low) / (high - low)))).toFixed(2) + "%";

  const ticks = ([low, high]) => [0, 0.25, 0.5, 0.75, 1].map((t) => low + t * (high - low));

  function grid(range, height) {
    return ticks(range).map((t) => s("line", { class: "grid", x1: at(t, range), x2: at(t, range), y1: 0, y2: height }));
  }

  /** The numbers under (or over) a column of plots. */
  function ruler(task, range) {
    const labels = ticks(range).map((t, i) =>
      s("text", { x: at(t, range), y: 11, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle" },
        task.percent ? String(Math.round(100 * t)) : String(Number(t.toPrecision(3)))));
    return s("svg", { class: "ruler", height: 14, "aria-hidden": "true" }, labels);
  }

  function whisker(mark, range, y) {
    if (mark.value === null || mark.value === undefined) return [];
    const [low, high] = mark.ci || [null, null];
    const parts = [];
    if (low !== null && high !== null) {
      parts.push(s("line", { class: "whisker", x1: at(low, range), x2: at(high, range), y1: y, y2: y }));
      for (const end of [low, high]) {
        parts.push(s("line", { class: "whisker", x1: at(end, range), x2: at(end, range), y1: y - 3.5, y2: y + 3.5 }));
      }
    }
    parts.push(s("circle", { class: "dot", cx: at(mark.value, range), cy: y, r: 4.5 }));
    return [s("g", { class: AB.hue(mark.arm) }, s("title", null, mark.title), parts)];
  }

  /** One row: marks {arm, value, ci, title} under one another; `chance` as a dashed line. */
  function row(marks, range, chance, label) {
    const height = Math.max(24, 10 + 13 * marks.length);
    const first = (height - 13 * (marks.length - 1)) / 2;
    const line = chance === null || chance === undefined ? null
      : s("line", { class: "chance", x1: at(chance, range), x2: at(chance, range), y1: 0, y2: height });
    return s("svg", { class: "plot", height, role: "img", "aria-label": label },
      grid(range, height), line, marks.flatMap((mark, i) => whisker(mark, range, first + 13 * i)));
  }

  /** Published scores as small diamonds; those of the models looked at are filled and on top. */
  function references(scores, task, range, models) {
    const ordered = [...scores].sort((a, b) => models.has(a.model) - models.has(b.model));
    const marks = ordered.map(({ model, value, source }) => {
      const place = at(task.percent ? value / 100 : value, range);
      return s("svg", { x: place, y: 12, overflow: "visible" },
        s("path", { class: models.has(model) ? "reference own" : "reference", d: "M0-5 4.5 0 0 5-4.5 0z" }, s("title", null, `${model}: ${value} (${source})`)));
    });
    return s("svg", { class: "plot", height: 24, role: "img", "aria-label": "published scores, listed below" }, grid(range, 24), marks);
  }

  return { axis, ruler, row, references };
})();
