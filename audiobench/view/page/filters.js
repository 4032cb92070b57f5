// Which samples of a task are shown: outcome, categories, text. Works on the columns of the task's index alone.
"use strict";

AB.filters = (function () {
  const BIT = { scored: 1, unparsed: 2, truncated: 4, refused: 8, error: 16 | 32 };

  /** Outcome filters, in order: key -> [label, what it means]. */
  const SHOWS = new Map([
    ["all", ["All", "every sample"]],
    ["flipped", ["Flipped", "A and B have different scores"]],
    ["gained", ["Gained", "B scores better than A"]],
    ["lost", ["Lost", "B scores worse than A"]],
    ["right", ["Right", "right in every arm shown"]],
    ["wrong", ["Wrong", "wrong in an arm shown"]],
    ["unparsed", ["Unparsed", "no answer found in an arm shown"]],
    ["truncated", ["Truncated", "cut off in an arm shown"]],
    ["refused", ["Refused", "refused in an arm shown"]],
    ["error", ["Errors", "no response, or audio that could not be used, in an arm shown"]],
  ]);

  /** What a filter is called: where samples have more than right and wrong, they differ rather than flip. */
  function label(task, show) {
    const graded = { flipped: "Different", gained: "Better", lost: "Worse" };
    return (task.graded && graded[show]) || SHOWS.get(show)[0];
  }

  /** Orders of the list -> what they are called. */
  const ORDERS = new Map([["", "in run order"], ["worst", "worst first"], ["lost", "largest loss first"], ["gained", "largest gain first"]]);

  function sort(task, index, state, places) {
    const better = task.higher_is_better ? 1 : -1;
    const A = index.arms[state.a].value, B = state.b === null ? A : index.arms[state.b].value;
    const keys = {
      worst: (i) => Math.min(better * A[i], better * B[i]),
      lost: (i) => better * (B[i] - A[i]),
      gained: (i) => better * (A[i] - B[i]),
    };
    const known = (i) => A[i] !== null && B[i] !== null;
    places.sort((i, j) => known(j) - known(i) || (known(i) ? keys[state.sort](i) - keys[state.sort](j) : 0) || i - j);
  }

  /** The outcome filters that make sense for this task and these arms. */
  function available(task, b) {
    return [...SHOWS.keys()].filter((show) =>
      (b !== null || !["flipped", "gained", "lost"].includes(show)) && (!task.graded || !["right", "wrong"].includes(show)));
  }

  function predicates(task, index, a, b) {
    const A = index.arms[a], B = b === null ? null : index.arms[b];
    const better = task.higher_is_better ? 1 : -1;
    const best = task.higher_is_better ? 1 : 0;
    const change = (i) => (!B || A.value[i] === null || B.value[i] === null ? 0 : better * (B.value[i] - A.value[i]));
    const mask = B ? (i) => A.mask[i] | B.mask[i] : (i) => A.mask[i];
    const right = (arm, i) => arm.value[i] !== null && arm.value[i] === best;
    const wrong = (arm, i) => arm.value[i] !== null && arm.value[i] !== best;
    return {
      all: () => true,
      flipped: (i) => change(i) !== 0,
      gained: (i) => change(i) > 0,
      lost: (i) => change(i) < 0,
      right: (i) => right(A, i) && (!B || right(B, i)),
      wrong: (i) => wrong(A, i) || (B !== null && wrong(B, i)),
      unparsed: (i) => (mask(i) & BIT.unparsed) !== 0,
      truncated: (i) => (mask(i) & BIT.truncated) !== 0,
      refused: (i) => (mask(i) & BIT.refused) !== 0,
      error: (i) => (mask(i) & BIT.error) !== 0,
    };
  }

  function haystack(index) {
    if (!index.hay) {
      index.hay = index.ids.map((id, i) =>
        [id, index.questions[i], ...index.arms.map((arm) => arm.answer[i])].join("\n").toLowerCase());
    }
    return index.hay;
  }

  const wordsOf = (q) => q.toLowerCase().split(/\s+/).filter(Boolean);

  /** Does all that was asked and said about a sample hold every word? */
  function mentions(sample, q) {
    const said = [sample.id, sample.question, JSON.stringify(sample.choices), JSON.stringify(sample.target), JSON.stringify(sample.metadata)];
    for (const epoch of sample.arms.flat()) {
      const { text, reasoning } = epoch.response || {};
      said.push(text || "", reasoning || "", epoch.answer || "", epoch.error ? epoch.error.message : "");
    }
    const hay = said.join("\n").toLowerCase();
    return wordsOf(q).every((word) => hay.includes(word));
  }

  /**
   * {places, counts}: the samples that pass everything, and for each outcome filter how many pass the rest.
   * `hits` are the places that a search in full found; without it the words are looked for in the list's own texts.
   */
  function apply(task, index, state, hits) {
    const words = hits ? [] : wordsOf(state.q);
    const hay = words.length ? haystack(index) : null;
    const wanted = [];
    for (const [name, column] of index.columns) {
      if (state.categories.has(name)) wanted.push([column.of, column.labels.indexOf(state.categories.get(name))]);
    }
    const tests = predicates(task, index, state.a, state.b);
    const names = available(task, state.b);
    const counts = new Map(names.map((name) => [name, 0]));
    const chosen = tests[state.show];
    const places = [];
    for (let i = 0; i < index.ids.length; i++) {
      if (hits && !hits.has(i)) continue;
      if (hay && !words.every((word) => hay[i].includes(word))) continue;
      if (!wanted.every(([of, label]) => of[i] === label)) continue;
      for (const name of names) if (tests[name](i)) counts.set(name, counts.get(name) + 1);
      if (chosen(i)) places.push(i);
    }
    if (state.sort) sort(task, index, state, places);
    return { places, counts };
  }

  /** How a sample did under an arm, for a badge: {kind, sign, words}. */
  function verdict(task, index, arm, i) {
    const { mask, value } = index.arms[arm];
    if (mask[i] === 0) return { kind: "none", sign: "–", words: "not asked or not answered yet" };
    for (const [status, sign] of [["error", "!"], ["refused", "⊘"], ["truncated", "…"], ["unparsed", "?"]]) {
      if (mask[i] & BIT[status]) return { kind: status, sign, words: status };
    }
    if (value[i] === null) return { kind: "none", sign: "·", words: "answered; not scored here" };
    if (task.graded) return { kind: "graded", sign: AB.score(value[i], task), words: "score " + AB.score(value[i], task) };
    const best = task.higher_is_better ? 1 : 0;
    if (value[i] === best) return { kind: "right", sign: "✓", words: "right" };
    if (value[i] === 1 - best) return { kind: "wrong", sign: "✗", words: "wrong" };
    return { kind: "mixed", sign: (100 * value[i]).toFixed(0), words: `${(100 * value[i]).toFixed(0)} % over the epochs` };
  }

  return { SHOWS, ORDERS, label, available, apply, mentions, verdict };
})();
