// Data files: script files that call AB.put(name, json), because a page from disk may load no other kind.
"use strict";

AB.store = (function () {
  const waiting = new Map();
  const blocks = new Map();
  const KEPT = 12;

  AB.put = function (name, json) {
    const wait = waiting.get(name);
    if (wait) wait.resolve(JSON.parse(json));
  };

  /** Promise of the data file of that name. */
  function load(name) {
    const known = waiting.get(name);
    if (known) return known.promise;
    const wait = {};
    wait.promise = new Promise((resolve, reject) => {
      wait.resolve = resolve;
      const script = document.createElement("script");
      script.src = "data/" + name.split("/").map(encodeURIComponent).join("/") + ".js";
      script.onload = () => { script.remove(); waiting.delete(name); };
      script.onerror = () => { script.remove(); waiting.delete(name); reject(new Error(`data/${name}.js is missing`)); };
      document.head.append(script);
    });
    waiting.set(name, wait);
    return wait.promise;
  }

  const tasks = new Map();

  /** Promise of a task's sample list. */
  function task(name) {
    if (!tasks.has(name)) tasks.set(name, load(`${name}/index`));
    return tasks.get(name);
  }

  /** Promise of one sample in full, by its place in the list; its neighbours come along and are kept for a while. */
  async function sample(name, place) {
    const { blocks: starts } = await task(name);
    let number = 0;
    for (let low = 0, high = starts.length; low < high;) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= place) { number = middle; low = middle + 1; } else high = middle;
    }
    const key = `${name}/${number}`;
    const block = blocks.get(key) || load(key);
    blocks.delete(key);
    blocks.set(key, block);
    if (blocks.size > KEPT) blocks.delete(blocks.keys().next().value);
    return (await block)[place - starts[number]];
  }

  /** Every sample of a task, block by block: `look(sample, place)`, then `after(part done)` for each block; false ends it. */
  async function each(name, look, after) {
    const { blocks: starts } = await task(name);
    for (let number = 0; number < starts.length; number++) {
      (await load(`${name}/${number}`)).forEach((sample, i) => look(sample, starts[number] + i));
      if (after((number + 1) / starts.length) === false) return;
    }
  }

  return { load, task, sample, each };
})();
