// The first screen: every task, every arm, with intervals; the breakdowns; links into the samples.
"use strict";

AB.overview = (function () {
  const { h } = AB;
  const COUNTS = [["unparsed", "unparsed"], ["truncated", "truncated"], ["refused", "refused"], ["error", "errors"]];

  function link(task, options) {
    return AB.address(task.name, null, options);
  }

  /** Everything before the tasks: which runs these are. */
  function heading(site) {
    const models = [...new Set(site.runs.map((run) => run.model))];
    const facts = (run) => h("li", null,
      models.length > 1 ? [h("span", { class: "run-model" }, AB.visible(run.model)), " "] : null,
      h("span", { class: "mono muted" }, AB.visible(run.name)), " ",
      h("span", { class: "muted" }, "· ", AB.date(run.created)),
      run.command && run.command.length ? h("code", { class: "command" }, AB.visible(run.command.join(" "))) : null);
    return h("section", { class: "intro" },
      h("h1", null, AB.visible(models.join(", "))),
      h("ul", { class: "runs" }, site.runs.map(facts)));
  }

  const metric = (entry) => Object.entries(entry.metrics)[0];
  const interval = (m, task) => (m && m.ci[0] !== null ? `${AB.score(m.ci[0], task)} to ${AB.score(m.ci[1], task)}` : "–");
  const title = (label, m, task) => `${label}: ${AB.score(m.value, task)}${AB.unit(task)}, 95 % interval ${interval(m, task)}, n = ${AB.count(m.n)}`;

  function errors(counts) { return counts.error + counts.invalid_audio + (counts.missing || 0); }

  function armRow(task, range, arm, number) {
    const { summary } = arm;
    const [, m] = metric(summary) || [null, null];
    const label = arm.label;
    const cell = (name, column, extra) => h("td", { class: extra, "data-name": column }, name);
    const counts = COUNTS.map(([key, column]) => {
      const n = key === "error" ? errors(summary.counts) : summary.counts[key];
      const open = key === "error" ? summary.counts.error + summary.counts.invalid_audio : n;
      return cell(open && task.shown ? h("a", { href: link(task, { a: number, b: null, show: key }) }, AB.count(n)) : AB.count(n), column, "num" + (n ? "" : " zero"));
    });
    return h("tr", null,
      h("th", { scope: "row" }, h("span", { class: "key " + AB.hue(number), "aria-hidden": "true" }), AB.visible(label)),
      h("td", { class: "plot-cell" }, m ? AB.plot.row([{ arm: number, value: m.value, ci: m.ci, title: title(label, m, task) }], range, summary.chance, title(label, m, task)) : null),
      cell(m ? [h("strong", null, AB.score(m.value, task)), AB.unit(task)] : "withheld", m ? metric(summary)[0] : "score", "num score"),
      cell(m ? interval(m, task) : "–", "95 % interval", "num"),
      cell([AB.count(m ? m.n : summary.n), summary.rows ? h("div", { class: "muted" }, `on ${AB.count(summary.n)} of ${AB.count(summary.rows)} samples`) : null], "n", "num"),
      cell(AB.count(summary.counts.scored), "scored", "num"),
      counts);
  }

  function table(task, range, models) {
    const references = task.references.filter((score) => score.metric === task.metric && score.value !== null);
    const own = references.filter((score) => models.has(score.model));
    const words = `${references.length} reference score${references.length > 1 ? "s" : ""}, listed below` + (own.length ? `; filled: ${own.map((score) => `${score.model} ${score.value}`).join(", ")}` : "");
    return h("div", { class: "scroll" }, h("table", { class: "arms" },
      h("caption", { class: "visually-hidden" }, `Scores of ${task.title} with 95 % intervals and counts`),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Arm"), h("th", { class: "plot-cell", scope: "col", "aria-label": "plot" }, AB.plot.ruler(task, range)),
        [task.metric, "95 % interval", "n", "scored", ...COUNTS.map(([, column]) => column)].map((name) => h("th", { scope: "col", class: "num" }, name)))),
      h("tbody", null, task.arms.map((arm, number) => armRow(task, range, arm, number)),
        references.length ? h("tr", { class: "published" }, h("th", { scope: "row" }, h("span", { class: "key diamond", "aria-hidden": "true" }), "published"),
          h("td", { class: "plot-cell" }, AB.plot.references(references, task, range, models)),
          h("td", { colspan: "8", class: "muted" }, AB.visible(words))) : null)));
  }

  function differences(task) {
    const lines = task.differences.map((found, b) => found && h("li", null,
      h("span", { class: "key " + AB.hue(b), "aria-hidden": "true" }), AB.visible(task.arms[b].label), " − ",
      h("span", { class: "key " + AB.hue(0), "aria-hidden": "true" }), AB.visible(task.arms[0].label), ": ",
      h("strong", null, `${AB.signed(found.value, task)} points`),
      h("span", { class: "muted" }, ` (${found.ci ? `95 % interval ${AB.signed(found.ci[0], task)} to ${AB.signed(found.ci[1], task)}, ` : ""}p ${found.p < 0.0001 ? "< 0.0001" : "= " + found.p.toPrecision(2)}, n = ${AB.count(found.n)}) `),
      h("a", { href: link(task, { a: 0, b, show: "gained" }) }, `${AB.count(found.gained)} gained`), ", ",
      h("a", { href: link(task, { a: 0, b, show: "lost" }) }, `${AB.count(found.lost)} lost`)));
    return lines.some(Boolean) ? h("ul", { class: "differences" }, lines) : null;
  }

  function facts(task) {
    const lines = [];
    const { chance } = task.arms[0].summary;
    if (chance !== null && chance !== undefined) lines.push(h("li", null, h("span", { class: "key dash", "aria-hidden": "true" }), `guessing gives ${AB.score(chance, task)}${AB.unit(task)}`));
    task.arms.forEach(({ summary, label }) => {
      const { official } = summary;
      if (official && official.value !== null && official.value !== undefined) {
        lines.push(h("li", null, "official scorer ", h("span", { class: "mono" }, AB.visible(String(official.scorer))), task.arms.length > 1 ? [", ", AB.visible(label)] : null,
          `: ${AB.score(official.value, task)}${AB.unit(task)}`, official.n !== undefined ? `, n = ${AB.count(official.n)}` : ""));
      }
      const { bounds } = summary;
      if (bounds && bounds.errors_wrong !== null && errors(summary.counts)) {
        lines.push(h("li", null, AB.visible(label), `: ${AB.score(bounds.errors_wrong, task)}${AB.unit(task)} if every request without a response were wrong`));
      }
    });
    return lines.length ? h("ul", { class: "facts" }, lines) : null;
  }

  /** One breakdown column: a row a label, its arms under one another. */
  function breakdown(task, column, range) {
    const labels = [...new Set(task.arms.flatMap(({ summary }) => Object.keys((summary.breakdown || {})[column] || {})))];
    const entries = (label) => task.arms.map(({ summary, label: arm }, number) => {
      const tables = new Map(Object.entries((summary.breakdown || {})[column] || {}));
      return { arm: number, name: arm, ...(tables.get(label) || { value: null, ci: [null, null], n: 0 }) };
    });
    return h("section", { class: "breakdown" }, h("h4", null, AB.visible(column)),
      h("div", { class: "scroll" }, h("table", null,
        h("thead", null, h("tr", null, h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "value")), h("th", { scope: "col", class: "plot-cell", "aria-label": "plot" }, AB.plot.ruler(task, range)),
          h("th", { scope: "col", class: "num" }, task.metric), h("th", { scope: "col", class: "num" }, "n"))),
        h("tbody", null, labels.map((label) => {
          const marks = entries(label);
          const words = marks.map((m) => title(m.name, m, task)).join("; ");
          return h("tr", null,
            h("th", { scope: "row" }, h("a", { href: link(task, { categories: [[column, label]] }) }, AB.visible(label))),
            h("td", { class: "plot-cell" }, AB.plot.row(marks.map((m) => ({ ...m, title: title(m.name, m, task) })), range, null, `${label}: ${words}`)),
            h("td", { class: "num stack" }, marks.map((m) => h("span", { class: "ink " + AB.hue(m.arm) }, AB.score(m.value, task)))),
            new Set(marks.map((m) => m.n)).size === 1 ? h("td", { class: "num" }, AB.count(marks[0].n))
              : h("td", { class: "num stack" }, marks.map((m) => h("span", null, AB.count(m.n)))));
        })))));
  }

  function published(task) {
    if (!task.references.length) return null;
    return h("details", { class: "fold" }, h("summary", null, `Published scores (${task.references.length})`),
      h("div", { class: "scroll" }, h("table", { class: "plain" },
        h("thead", null, h("tr", null, ["model", task.metric, "source", "notes"].map((name, i) => h("th", { scope: "col", class: i === 1 ? "num" : null }, name)))),
        h("tbody", null, task.references.map((score) => h("tr", null, h("td", null, AB.visible(score.model)), h("td", { class: "num" }, String(score.value)),
          h("td", null, AB.visible(score.source)), h("td", { class: "muted" }, AB.visible([score.think ? `think ${score.think}` : "", score.notes || ""].filter(Boolean).join("; ")))))))));
  }

  function card(task, models) {
    const range = AB.plot.axis(task, task.arms.flatMap(({ summary }) => Object.values(summary.metrics)));
    const parts = AB.plot.axis(task, task.arms.flatMap(({ summary }) => Object.values(summary.breakdown || {}).flatMap((labels) => Object.values(labels))));
    const columns = [...new Set(task.arms.flatMap(({ summary }) => Object.keys(summary.breakdown || {})))];
    const some = task.shown < task.samples ? `${AB.count(task.shown)} of ${AB.count(task.samples)} samples are in this page` : `${AB.count(task.samples)} samples`;
    return h("article", { class: "card", "aria-label": task.title },
      h("header", null,
        h("div", null, h("h2", null, AB.visible(task.title)), h("p", { class: "muted" }, h("span", { class: "mono" }, task.name), ` · ${some}`)),
        task.shown ? h("a", { class: "button primary", href: link(task, {}) }, "Look at the samples") : null),
      task.description ? h("p", { class: "description" }, AB.visible(task.description)) : null,
      task.notes.map((note) => h("p", { class: "warning" }, AB.visible(note))),
      table(task, range, models), differences(task), facts(task),
      columns.length ? h("details", { class: "fold", open: true }, h("summary", null, "Breakdown"),
        h("div", { class: "breakdowns" }, columns.map((column) => breakdown(task, column, parts)))) : null,
      published(task));
  }

  function show(main, site) {
    main.className = "overview";
    main.replaceChildren(heading(site), ...site.tasks.map((task) => card(task, new Set(site.runs.map((run) => run.model)))),
      h("footer", { class: "muted" }, `audiobench ${site.version} · page made ${AB.date(site.made)} · bars are 95 % intervals; unparsed, truncated and refused count as wrong`));
  }

  return { show };
})();
