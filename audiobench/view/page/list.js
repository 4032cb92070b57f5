// The sample browser's left side: arms, filters, and a list that holds only the rows one can see.
"use strict";

AB.list = (function () {
  const { h } = AB;
  const ROW = 60;

  /** Build the panel once for a task; `change(part)` asks for a new state. Returns {element, update, focusSearch}. */
  function panel(task, index, change) {
    const arms = (name, allowNone) => h("select", { "aria-label": `Arm ${name.toUpperCase()}`, change: (event) => change({ [name]: event.target.value === "" ? null : Number(event.target.value) }) },
      allowNone ? h("option", { value: "" }, "none") : null,
      task.arms.map((arm, number) => h("option", { value: String(number) }, AB.plain(arm.label))));
    const chooseA = arms("a", false), chooseB = arms("b", true);
    const keyA = h("span", { class: "key", "aria-hidden": "true" }), keyB = h("span", { class: "key", "aria-hidden": "true" });
    const search = h("input", { type: "search", placeholder: "Search id, question, answer", "aria-label": "Search samples", autocomplete: "off", spellcheck: "false",
      input: () => change({ q: search.value }) });
    const deep = h("input", { type: "checkbox", change: () => change({ deep: deep.checked }) });
    const deepLabel = h("label", { class: "deep", hidden: true }, deep, "in responses and reasoning too");
    const chips = h("div", { class: "chips", role: "group", "aria-label": "Outcome" });
    const selects = new Map(index.columns.map(([name, { labels }]) => [name,
      h("select", { "aria-label": name, change: (event) => change({ category: [name, event.target.value] }) },
        h("option", { value: "" }, `${name}: all`), labels.map((label, i) => h("option", { value: String(i) }, AB.plain(label))))]));
    const fine = index.arms.some((arm) => arm.value.some((value) => value !== null && value !== 0 && value !== 1));
    const sort = h("select", { "aria-label": "Order of the list", change: () => change({ sort: sort.value }) },
      [...AB.filters.ORDERS].map(([value, words]) => h("option", { value }, words)));
    const count = h("p", { class: "count", role: "status" });
    const clear = h("button", { type: "button", class: "button quiet", click: () => change({ clear: true }) }, "Clear filters");
    const spacer = h("div", { class: "spacer" });
    const rows = h("div", { class: "rows", role: "listbox", "aria-label": "Samples", tabindex: "0" }, spacer);
    const element = h("aside", { class: "panel", "aria-label": "Samples" },
      h("div", { class: "controls-box" },
        h("div", { class: task.arms.some((arm) => arm.label.length > 14) ? "arm-pickers stacked" : "arm-pickers" }, h("label", null, keyA, h("b", null, "A"), chooseA), task.arms.length > 1 ? h("label", null, keyB, h("b", null, "B"), chooseB) : null),
        search, deepLabel, chips,
        selects.size || fine ? h("div", { class: "selects" }, [...selects.values()], fine ? sort : null) : null,
        h("div", { class: "count-line" }, count, clear)),
      rows);

    let state = null, places = [], drawn = new Map();

    function badge(arm, name, i) {
      const { kind, sign, words } = AB.filters.verdict(task, index, arm, i);
      return h("span", { class: `badge ${kind}`, title: `${name}: ${words}`, "aria-label": `${name} ${words}` }, sign);
    }

    function row(position) {
      const i = places[position];
      const element = h("a", { class: "row", role: "option", id: `row-${position}`, href: AB.address(task.name, index.ids[i], AB.options(state)), tabindex: "-1", "aria-selected": String(i === state.place),
        "aria-setsize": String(places.length), "aria-posinset": String(position + 1), click: (event) => { if (!event.metaKey && !event.ctrlKey) { event.preventDefault(); change({ place: i, open: true }); } } },
        h("span", { class: "row-top" }, h("span", { class: "mono id" }, AB.visible(index.ids[i])),
          h("span", { class: "badges" }, badge(state.a, "A", i), state.b === null ? null : badge(state.b, "B", i))),
        h("span", { class: "row-text", dir: "auto" }, AB.visible(index.questions[i].replace(/\s+/g, " ")) ));
      element.style.top = `${position * ROW}px`;
      return element;
    }

    /** Put the rows in view into the document, take the others out. */
    function draw() {
      const from = Math.max(0, Math.floor(rows.scrollTop / ROW) - 4);
      const to = Math.min(places.length, Math.ceil((rows.scrollTop + rows.clientHeight) / ROW) + 4);
      for (const [position, element] of drawn) {
        if (position < from || position >= to) { element.remove(); drawn.delete(position); }
      }
      for (let position = from; position < to; position++) {
        if (!drawn.has(position)) { const element = row(position); drawn.set(position, element); spacer.append(element); }
      }
    }
    rows.addEventListener("scroll", draw, { passive: true });
    new ResizeObserver(draw).observe(rows);

    function redrawChips(counts) {
      const always = ["all", "flipped", "gained", "lost", "right", "wrong", state.show];
      chips.replaceChildren(...AB.filters.available(task, state.b).filter((show) => counts.get(show) || always.includes(show)).map((show) => {
        const label = AB.filters.label(task, show), words = AB.filters.SHOWS.get(show)[1], n = counts.get(show);
        return h("button", { type: "button", class: `chip ${show}`, "data-show": show, "aria-pressed": String(state.show === show), title: words, disabled: n === 0 && state.show !== show, click: () => change({ show }) },
          label, " ", h("span", { class: "chip-count" }, AB.count(n)));
      }));
    }

    function reveal() {
      const position = places.indexOf(state.place);
      rows.removeAttribute("aria-activedescendant");
      if (position < 0 || !rows.clientHeight) return;
      rows.setAttribute("aria-activedescendant", `row-${position}`);
      const top = position * ROW;
      if (top < rows.scrollTop) rows.scrollTop = top;
      else if (top + ROW > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + ROW - rows.clientHeight;
    }

    /** Show a state: its places are computed outside, once. */
    function update(next, found) {
      const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.show : null;
      const filtered = found.places !== places;
      state = next;
      places = found.places;
      chooseA.value = String(state.a);
      chooseB.value = state.b === null ? "" : String(state.b);
      keyA.className = "key " + AB.hue(state.a);
      keyB.className = "key " + (state.b === null ? "" : AB.hue(state.b));
      sort.value = state.sort;
      sort.classList.toggle("on", state.sort !== "");
      deep.checked = state.deep;
      deepLabel.hidden = !state.q;
      if (search.value !== state.q && document.activeElement !== search) search.value = state.q;
      for (const [name, select] of selects) {
        const { labels } = index.columns.find(([column]) => column === name)[1];
        select.value = state.categories.has(name) ? String(labels.indexOf(state.categories.get(name))) : "";
        select.classList.toggle("on", state.categories.has(name));
      }
      if (filtered) {
        redrawChips(found.counts);
        if (focused) { const chip = chips.querySelector(`[data-show="${focused}"]`); if (chip) chip.focus(); }
        count.textContent = `${AB.count(places.length)} of ${AB.count(index.ids.length)} samples${found.searched < 1 ? ` · ${Math.round(100 * found.searched)} % searched` : ""}`;
        clear.hidden = !(state.show !== "all" || state.q || state.categories.size);
        spacer.style.height = `${places.length * ROW}px`;
      }
      for (const element of drawn.values()) element.remove();
      drawn = new Map();
      reveal();
      draw();
    }

    return { element, update, focusSearch: () => { search.focus(); search.select(); } };
  }

  return { panel };
})();
