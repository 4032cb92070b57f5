// Addresses, state, keys. An address holds what one looks at: #/TASK/SAMPLE?a=0&b=1&show=flipped&q=words&c.COLUMN=LABEL
"use strict";

/** The state's part of an address. */
AB.options = ({ a, b, show, q, deep, sort, categories }) => ({ a, b, show, q, deep, sort, categories: [...categories] });

AB.address = function (task, id, { a, b, show, q, deep, sort, categories }) {
  const query = new URLSearchParams();
  if (a) query.set("a", a);
  if (b === null) query.set("b", "none");
  else if (b !== undefined && b !== 1) query.set("b", b);
  if (show && show !== "all") query.set("show", show);
  if (q) query.set("q", q);
  if (q && deep) query.set("in", "all");
  if (sort) query.set("sort", sort);
  for (const [name, label] of categories || []) query.set("c." + name, label);
  const path = "#/" + encodeURIComponent(task) + (id === null ? "" : "/" + encodeURIComponent(id));
  return path + (query.size ? "?" + query : "");
};

(function () {
  const { h } = AB;
  const main = document.getElementById("main"), trail = document.getElementById("trail");
  let site = null, browser = null, written = null, timer = 0;

  function read(hash) {
    const [path, query] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    const parts = path.split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
    return { task: parts[0] || null, id: parts.length > 1 ? parts.slice(1).join("/") : null, query: new URLSearchParams(query || "") };
  }

  function crumbs(task, id) {
    document.title = AB.plain([id, task && task.title, "audiobench"].filter(Boolean).join(" · "));
    if (!task) { trail.replaceChildren(); return; }
    trail.replaceChildren(h("a", { href: "#/" }, "Overview"), h("span", { "aria-hidden": "true" }, "/"),
      site.tasks.length > 1 ? h("select", { "aria-label": "Task", change: (event) => { location.hash = AB.address(event.target.value, null, {}); } },
        site.tasks.map((other) => h("option", { value: other.name, selected: other === task }, AB.plain(other.title)))) : h("span", { class: "here" }, AB.visible(task.title)));
  }

  async function route() {
    const { task: name, id, query } = read(location.hash);
    const task = site.tasks.find((other) => other.name === name);
    if (!task) {
      leave();
      crumbs(null);
      AB.overview.show(main, site);
      if (name) main.prepend(h("p", { class: "warning" }, "No task ", AB.visible(name), " in this page."));
      return;
    }
    const index = await AB.store.task(task.name);
    if (read(location.hash).task !== name) return;
    if (!browser || browser.task !== task) { leave(); browser = open(task, index); }
    browser.go(id, query);
  }

  function leave() {
    if (browser) browser.close();
    browser = null;
    clearTimeout(timer);
    window.scrollTo(0, 0);
  }

  /** The sample browser of a task: list on the left, sample on the right. */
  function open(task, index) {
    const places = new Map(index.ids.map((id, i) => [id, i]));
    const list = AB.list.panel(task, index, change);
    const detail = h("div", { class: "detail", "aria-live": "off" });
    let state = null, found = { places: [], counts: new Map() }, players = [], looked = null, filtered = null, scan = null;
    main.className = "browser";
    main.replaceChildren(list.element, detail);

    function defaults() {
      return { a: 0, b: task.arms.length > 1 ? 1 : null, show: "all", q: "", deep: false, sort: "", categories: new Map(), place: null, epoch: 0 };
    }

    function arm(value, otherwise) {
      const number = Number(value);
      return value !== null && value !== "" && Number.isInteger(number) && number >= 0 && number < task.arms.length ? number : otherwise;
    }

    function go(id, query) {
      const next = defaults();
      next.a = arm(query.get("a"), next.a);
      next.b = query.get("b") === "none" ? null : arm(query.get("b"), next.b);
      next.q = query.get("q") || "";
      next.deep = query.get("in") === "all";
      if (AB.filters.ORDERS.has(query.get("sort"))) next.sort = query.get("sort");
      for (const [name, { labels }] of index.columns) {
        if (labels.includes(query.get("c." + name))) next.categories.set(name, query.get("c." + name));
      }
      const show = query.get("show");
      if (AB.filters.available(task, next.b).includes(show)) next.show = show;
      if (id !== null && !places.has(id)) { render(next); missing(id); return; }
      next.place = id === null ? null : places.get(id);
      render(next);
    }

    function change(part) {
      const next = { ...state, categories: new Map(state.categories) };
      if (part.clear) Object.assign(next, { show: "all", q: "", categories: new Map() });
      if (part.category) {
        const [name, label] = part.category;
        if (label === "") next.categories.delete(name);
        else next.categories.set(name, index.columns.find(([column]) => column === name)[1].labels[Number(label)]);
      }
      for (const key of ["a", "b", "show", "q", "deep", "sort", "place", "epoch"]) if (key in part) next[key] = part[key];
      if (part.step) { step(part.step); return; }
      if (part.back) next.place = null;
      if (part.place !== undefined) next.epoch = 0;
      if (!AB.filters.available(task, next.b).includes(next.show)) next.show = "all";
      render(next, Boolean(part.open || part.back));
    }

    /** The sample `by` places further down the list; from one outside the filter, the next one that is inside. */
    function step(by) {
      const { places: listed } = found, last = listed.length - 1, at = listed.indexOf(state.place);
      if (last < 0) return;
      let next = at + by;
      if (at < 0 && state.place !== null) {
        const after = listed.findIndex((place) => place > state.place);
        next = by > 0 ? (after < 0 ? last : after) : (after < 0 ? last : after - 1);
      }
      const place = listed[Math.min(last, Math.max(0, next))];
      if (place !== state.place) render({ ...state, place, epoch: 0 });
    }

    function render(next, push) {
      state = next;
      const hits = search();
      const key = JSON.stringify([next.a, next.b, next.show, next.q, next.deep, next.sort, [...next.categories], hits && hits.done]);
      if (key !== filtered) {
        found = { ...AB.filters.apply(task, index, state, hits && hits.places), searched: hits ? hits.done : 1 };
        filtered = key;
      }
      main.classList.toggle("looking", state.place !== null);
      list.update(state, found);
      crumbs(task, state.place === null ? null : index.ids[state.place]);
      address(push);
      look();
    }

    /** The search in full that the state asks for, begun here if it is a new one: {places, done: 0 to 1}; else null. */
    function search() {
      if (!state.q || !state.deep) { scan = null; return null; }
      if (scan && scan.q === state.q) return scan;
      const mine = { q: state.q, places: new Set(), done: 0, shown: 0 };
      scan = mine;
      setTimeout(() => {
        if (scan !== mine) return;
        AB.store.each(task.name, (sample, place) => { if (AB.filters.mentions(sample, mine.q)) mine.places.add(place); }, (done) => {
          if (scan !== mine) return false;
          if (done === 1 || performance.now() - mine.shown > 250) { mine.done = done; mine.shown = performance.now(); render(state); }
          return true;
        }).catch((error) => { if (scan === mine) empty(`The search failed: ${error.message}.`); });
      }, 200);
      return mine;
    }

    function address(push) {
      const hash = AB.address(task.name, state.place === null ? null : index.ids[state.place], AB.options(state));
      clearTimeout(timer);
      if (hash === location.hash) return;
      const write = () => { written = hash; if (push) location.hash = hash; else history.replaceState(null, "", hash); };
      if (push) write(); else timer = setTimeout(write, 200);
    }

    function hush() { for (const player of players) player.close(); players = []; }

    function empty(...words) { hush(); looked = null; detail.replaceChildren(h("p", { class: "placeholder" }, words)); }

    function missing(id) { empty("No sample ", h("span", { class: "mono" }, AB.visible(id)), " in this page."); main.classList.add("looking"); }

    async function look() {
      if (state.place === null) {
        empty("Choose a sample, or press ", h("kbd", null, "j"), ".");
        return;
      }
      const want = state, wanted = JSON.stringify([state.a, state.b, state.place, state.epoch]);
      const position = () => ({ at: found.places.indexOf(state.place), of: found.places.length });
      if (wanted === looked) {
        const { at, of } = position(), shown = detail.querySelector(".position");
        if (shown) shown.textContent = at >= 0 ? `${AB.count(at + 1)} / ${AB.count(of)}` : "outside the filter";
        return;
      }
      const before = looked;
      looked = wanted;
      try {
        const sample = await AB.store.sample(task.name, want.place);
        if (looked !== wanted) return;
        hush();
        const view = AB.sample.view(task, sample, want, site.audio, position(), change);
        players = view.players;
        detail.replaceChildren(view.element);
        if (!before || JSON.parse(before)[2] !== want.place) { detail.scrollTop = 0; if (narrow()) window.scrollTo(0, 0); }
        const next = found.places[found.places.indexOf(want.place) + 1];
        if (next !== undefined) AB.store.sample(task.name, next).catch(() => {});
      } catch (error) {
        if (looked === wanted) empty(`This sample could not be loaded: ${error.message}.`);
      }
    }

    function flips() {
      if (state.b !== null) change({ show: state.show === "flipped" ? "all" : "flipped" });
    }

    return { task, go, step, change, flips, close() { hush(); scan = null; }, search: list.focusSearch, state: () => state, player: () => players[0] };
  }

  const narrow = () => matchMedia("(max-width: 899px)").matches;

  function key(event) {
    if (event.metaKey || event.ctrlKey || event.altKey || document.getElementById("keys").open) return;
    const target = event.target;
    const typing = target.matches("input, textarea, select");
    if (event.key === "Escape") {
      if (typing) target.blur();
      else if (browser && browser.state().place !== null && narrow()) browser.change({ back: true });
      return;
    }
    if (typing) return;
    const player = browser && browser.player();
    const pressed = target.matches("button, a:not(.row), summary");
    const reading = target.matches(".prose, .detail");
    const actions = {
      j: () => browser && browser.step(1),
      k: () => browser && browser.step(-1),
      ArrowDown: () => browser && !reading && browser.step(1),
      ArrowUp: () => browser && !reading && browser.step(-1),
      ArrowLeft: () => player && player.skip(-1),
      ArrowRight: () => player && player.skip(1),
      " ": () => player && !pressed && player.toggle(),
      "/": () => browser && browser.search(),
      f: () => browser && browser.flips(),
      o: () => { location.hash = "#/"; },
      d: theme,
      "?": help,
    };
    if (!Object.hasOwn(actions, event.key)) return;
    const done = actions[event.key]();
    if (done !== null && done !== false) event.preventDefault();
  }

  function help() { document.getElementById("keys").showModal(); }

  function dark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function theme() {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("audiobench-theme", next); } catch { /* a page from disk may have no storage */ }
    document.dispatchEvent(new Event("themechange"));
  }

  async function start() {
    try {
      const kept = localStorage.getItem("audiobench-theme");
      if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
    } catch { /* as above */ }
    document.getElementById("theme").addEventListener("click", theme);
    document.getElementById("help").addEventListener("click", help);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
    document.addEventListener("keydown", key);
    try {
      site = await AB.store.load("index");
    } catch (error) {
      main.replaceChildren(h("p", { class: "warning" }, `The data could not be loaded: ${error.message}. Keep index.html beside its data and app folders.`));
      return;
    }
    window.addEventListener("hashchange", () => { if (location.hash !== written) route(); written = null; });
    await route();
    document.documentElement.dataset.ready = "true";
  }

  start();
})();
