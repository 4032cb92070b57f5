// One sample: the clip, the question, what each arm answered and why it counts as it does, and the exact prompt.
"use strict";

AB.sample = (function () {
  const { h } = AB;
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

  /** Which arm: its colour and its label. */
  const who = ({ number, label }) => h("span", { class: "who" }, h("span", { class: "key " + AB.hue(number), "aria-hidden": "true" }), AB.visible(label));

  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

  function judgement(task, epoch) {
    const { status, value } = epoch;
    if (status !== "scored") return { kind: status === "invalid_audio" ? "error" : status, words: { unparsed: "Unparsed", truncated: "Truncated", refused: "Refused", error: "Error", invalid_audio: "Invalid audio" }[status] };
    if (value === null) return { kind: "none", words: "Answered" };
    if (!task.graded && (value === 0 || value === 1)) return (value === 1) === task.higher_is_better ? { kind: "right", words: "Right" } : { kind: "wrong", words: "Wrong" };
    return { kind: "graded", words: AB.score(value, task) + AB.unit(task) };
  }

  function fact(name, value) {
    return value === null || value === undefined || value === "" ? null : h("div", null, h("dt", null, name), h("dd", null, value));
  }

  function usage(counts) {
    const known = new Map(Object.entries(counts || {}).filter(([, n]) => typeof n === "number"));
    const parts = { prompt: ["audio", "cached"], completion: ["reasoning"] };
    const words = [];
    for (const [whole, inner] of Object.entries(parts)) {
      const within = inner.filter((key) => known.has(key)).map((key) => `${AB.count(known.get(key))} ${key}`);
      if (known.has(whole)) { words.push(`${AB.count(known.get(whole))} ${whole}${within.length ? ` (${within.join(", ")})` : ""}`); inner.forEach((key) => known.delete(key)); known.delete(whole); }
    }
    if (words.length === 2) known.delete("total");
    for (const [key, n] of known) words.push(`${AB.count(n)} ${key.replaceAll("_", " ")}`);
    return words.length ? words.join(" · ") : null;
  }

  function latency(times) {
    const known = Object.entries(times || {}).filter(([, s]) => typeof s === "number");
    return known.length ? known.map(([key, s]) => `${AB.seconds(s)} ${key.replaceAll("_", " ")}`).join(" · ") : null;
  }

  /** A block that opens to its full height on demand. */
  function long(label, content, name) {
    const body = AB.prose(content, name, "tall");
    const grow = h("button", { type: "button", class: "button quiet", "aria-expanded": "false", click: () => {
      const open = body.classList.toggle("open");
      grow.textContent = open ? "Fold" : "Unfold";
      grow.setAttribute("aria-expanded", String(open));
    } }, "Unfold");
    requestAnimationFrame(() => { if (body.isConnected && body.scrollHeight <= body.clientHeight + 2) grow.remove(); });
    return h("div", { class: "part" }, h("div", { class: "part-head" }, h("h4", null, label), grow), body);
  }

  /** Whether a response is sound alone: its player stands above, and no words are missing. */
  const soundOnly = ({ response }) => Boolean(response && !response.text && (response.parts || []).some((part) => part.kind === "audio" && !part.problem));

  function answered(sample, epoch, name) {
    const { response } = epoch;
    const parts = [];
    if (epoch.error) parts.push(h("div", { class: "part" }, h("h4", null, "Error"), AB.prose(epoch.error.message || "", `Error of ${name}`, "error-text")));
    else if (epoch.detail && typeof epoch.detail.message === "string") parts.push(h("div", { class: "part" }, h("h4", null, "Not scored"), AB.prose(epoch.detail.message, `Reason for ${name}`, "error-text")));
    if (!response) return parts;
    const whole = !sample.choices.length && epoch.answer !== null && response.text.trim() === epoch.answer.trim();
    if (!whole && !soundOnly(epoch)) parts.push(h("div", { class: "part" }, h("h4", null, "Response"), response.text ? AB.prose(response.text, `Response of ${name}`, "tall") : h("p", { class: "muted" }, "empty")));
    if (response.reasoning) {
      const what = response.reasoning_is_summary ? "Reasoning (the provider's summary)" : "Reasoning";
      const open = response.reasoning_closed === false ? ", never closed" : "";
      if (epoch.sections && epoch.sections.length) parts.push(h("div", { class: "part sections" }, h("h4", null, "Parts of the thought"),
        h("dl", null, epoch.sections.map(([part, words]) => [h("dt", { class: "role" }, AB.visible(part)), h("dd", { class: "prose bare", dir: "auto" }, AB.visible(words.slice(0, 4 * AB.PIECE)))]))));
      parts.push(long(`${what}${open} · ${AB.count(response.reasoning.length)} characters`, response.reasoning, `Reasoning of ${name}`));
    }
    return parts;
  }

  function details(epoch) {
    const response = epoch.response || {};
    const rest = [...Object.entries(epoch.detail || {}).filter(([key]) => key !== "message"), ...Object.entries(epoch.measured || {})];
    return h("dl", { class: "facts-grid" },
      fact("finish reason", response.finish_reason && AB.visible(String(response.finish_reason))),
      fact("tokens", usage(response.usage)),
      fact("latency", latency(response.latency)),
      fact("served model", response.served_model && AB.visible(response.served_model)),
      fact("thinking", response.think_effective && AB.visible(response.think_effective)),
      fact("official verdict", epoch.official === null || epoch.official === undefined ? null : AB.visible(text(epoch.official))),
      rest.map(([key, value]) => fact(key, AB.visible(text(value)))),
      fact("attempts", epoch.attempts > 1 ? String(epoch.attempts) : null),
      fact("time", AB.date(epoch.time)));
  }

  function column(task, sample, number, letter, epochs, state, change) {
    const arm = task.arms[number];
    const name = `arm ${letter}`;
    const head = (badge) => h("header", null, h("span", { class: "letter " + AB.hue(number) }, letter), h("h3", null, AB.visible(arm.label)), badge);
    if (!epochs.length) return h("section", { class: "arm", "aria-label": name }, head(h("span", { class: "badge none" }, "–")), h("p", { class: "muted" }, "No record: this arm was not asked, or not yet."));
    const shown = Math.min(state.epoch, epochs.length - 1), epoch = epochs[shown];
    const { kind, words } = judgement(task, epoch);
    const tabs = epochs.length > 1 ? h("div", { class: "chips epochs", role: "group", "aria-label": `Epoch of ${name}` }, epochs.map((e, i) =>
      h("button", { type: "button", class: "chip", "aria-pressed": String(i === shown), click: () => change({ epoch: i }) }, `${e.epoch + 1} `, h("span", { class: `dot-badge ${judgement(task, e).kind}` }, judgement(task, e).words)))) : null;
    return h("section", { class: "arm", "aria-label": `${name}: ${arm.label}` },
      head(h("span", { class: `verdict ${kind}` }, words)), tabs,
      h("p", { class: sample.choices.length ? "answer" : "answer words" }, epoch.answer === null ? h("span", { class: "muted" }, soundOnly(epoch) ? "answered in sound" : "no answer") : h("span", { dir: "auto" }, AB.visible(epoch.answer)),
        epoch.rule ? h("span", { class: "rule", title: "the rule that found the answer" }, "rule ", h("span", { class: "mono" }, AB.visible(epoch.rule))) : null),
      answered(sample, epoch, name), exchange(epoch, name), details(epoch));
  }

  function choices(sample, shown) {
    if (!sample.choices.length) {
      return sample.target === null ? null : h("div", { class: "target-line" }, h("span", { class: "tag target" }, "target"), h("span", { dir: "auto" }, AB.visible(Array.isArray(sample.target) ? sample.target.join(" | ") : text(sample.target))));
    }
    const targets = Array.isArray(sample.target) ? sample.target : [sample.target];
    return h("ol", { class: "choices" }, sample.choices.map((choice, i) => choice === null ? null : h("li", { class: targets.includes(choice) ? "is-target" : null },
      h("span", { class: "option-letter" }, LETTERS[i]), h("span", { class: "option-text", dir: "auto" }, AB.visible(choice)),
      h("span", { class: "marks" }, targets.includes(choice) ? h("span", { class: "tag target" }, "target") : null,
        shown.filter(({ epoch }) => epoch && epoch.pick === choice).map(who)))));
  }

  function turns(prompt) {
    return h("ol", { class: "turns" }, (prompt || []).map((turn, i) => h("li", null, h("span", { class: "role" }, i === prompt.length - 1 && turn.role === "assistant" ? "assistant (prefill)" : AB.visible(turn.answers ? `${turn.role}: ${turn.answers.name}` : String(turn.role))),
      turn.parts.map((part) => typeof part === "string" ? h("div", { class: "prose bare", dir: "auto" }, AB.visible(part.slice(0, 4 * AB.PIECE)), part.length > 4 * AB.PIECE ? h("span", { class: "muted" }, ` (${AB.count(part.length)} characters)`) : null)
        : h("span", { class: "tag" }, Object.entries(part).map(([kind, place]) => `${kind} ${place + 1}`).join())),
      (turn.calls || []).map((call) => h("div", { class: "prose bare mono", dir: "auto" }, AB.visible(`${call.name}(${text(call.arguments)})`))))));
  }

  /** Every turn of an exchange that took more than one: what was sent beyond the prompt, and what came back. */
  function exchange(epoch, name) {
    if (!epoch.turns || !epoch.turns.length) return null;
    return h("details", { class: "fold exchange" }, h("summary", null, `All ${epoch.turns.length} turns`),
      h("ol", { class: "turns" }, epoch.turns.map(({ sent, generation, response }, i) => h("li", null,
        h("span", { class: "role" }, `turn ${i + 1}`), turns(sent),
        AB.prose(response.text, `Turn ${i + 1} of ${name}`, "tall"),
        response.reasoning ? long("Reasoning", response.reasoning, `Reasoning in turn ${i + 1} of ${name}`) : null,
        h("dl", { class: "facts-grid" },
          fact("finish reason", response.finish_reason && AB.visible(String(response.finish_reason))),
          fact("tokens", usage(response.usage)), fact("latency", latency(response.latency)),
          fact("sent with", generation && AB.visible(text(generation))))))));
  }

  function prompts(shown) {
    const known = shown.filter(({ epoch }) => epoch && epoch.prompt);
    if (!known.length) return null;
    const same = known.length > 1 && known.every(({ epoch }) => JSON.stringify(epoch.prompt) === JSON.stringify(known[0].epoch.prompt));
    const groups = same ? [known[0]] : known;
    return h("details", { class: "fold" }, h("summary", null, "Exact prompt", same ? h("span", { class: "muted" }, " (the same in both arms)") : null),
      h("div", { class: "columns" }, groups.map((arm) => h("div", null, same ? null : who(arm),
        arm.epoch.choices ? h("p", { class: "muted" }, "Options stood in another order than above.") : null, turns(arm.epoch.prompt)))));
  }

  const TRANSFORMS = { silence: "replaced by silence", reverse: "reversed", noise: "replaced by noise of the same level" };

  /** What an arm heard of a clip, when that is not the file as it is. */
  function heard(clip, shown) {
    const notes = shown.flatMap((arm) => ((arm.epoch && arm.epoch.audio) || []).filter((audio) => audio.clip === clip.sha256 && !audio.span).map((audio) => {
      const changes = Array.isArray(audio.changed) ? audio.changed.map(text) : Object.entries(audio.changed || {}).map(([key, value]) => `${key.replaceAll("_", " ")}: ${text(value)}`);
      const transform = audio.transform && audio.transform !== "full" ? audio.transform.split(":")[0] : null;
      if (!changes.length && transform) changes.push(Object.hasOwn(TRANSFORMS, transform) ? TRANSFORMS[transform] : transform);
      return changes.length ? h("li", null, who(arm), " was sent it ", AB.visible(changes.join(", "))) : null;
    })).filter(Boolean);
    return notes.length ? h("ul", { class: "heard" }, notes, h("li", null, "The player plays the file as it is.")) : null;
  }

  /** The parts of a clip that each arm heard again, in the order heard. */
  function again(clip, shown) {
    return shown.flatMap((arm) => ((arm.epoch && arm.epoch.audio) || []).filter((audio) => audio.clip === clip.sha256 && audio.span)
      .map(({ span }, i) => ({ who: arm, arm: arm.number, order: i + 1, start: span[0], end: span[1] }))).map((span, lane) => ({ ...span, lane }));
  }

  function audio(sample, shown, mode, players) {
    const used = sample.clips.filter((clip) => shown.some(({ epoch }) => epoch && epoch.audio.some((part) => part.clip === clip.sha256)));
    const nameless = shown.some(({ epoch }) => epoch && epoch.audio.some((part) => part.clip === null));
    if (nameless) return h("p", { class: "muted no-audio" }, "The journal names a clip without a usable sha256; it cannot be found.");
    if (!used.length) return h("p", { class: "muted no-audio" }, "No audio was sent in the arms shown.");
    return used.map((clip, i) => {
      const roles = shown.flatMap(({ letter, epoch }) => ((epoch && epoch.audio) || []).filter((part) => part.clip === clip.sha256)
        .map((part) => ({ answer: `answer of ${letter}`, reference: "reference" })[part.role])).filter(Boolean);
      const name = roles.length ? [...new Set(roles)].join(" and ") : used.length > 1 ? `clip ${i + 1}` : "the clip";
      const spans = again(clip, shown);
      const player = clip.kind === "image" ? AB.sound.image(clip, mode, name) : AB.sound.player(clip, mode, name, spans);
      players.push(player);
      const owners = shown.filter(({ epoch }) => epoch && epoch.audio.some((part) => part.clip === clip.sha256));
      return h("figure", { class: "clip" }, player.element, h("figcaption", null,
        roles.length ? h("strong", null, name, " · ") : null,
        owners.length < shown.length ? h("span", null, "only for ", owners.map(who), " ") : null,
        h("span", { class: "mono path", title: `sha256 ${clip.sha256}` }, AB.visible(clip.path.split(/[\\/]/).pop().replace(clip.sha256, clip.sha256.slice(0, 12) + "…"))), clip.seconds === null || clip.seconds === undefined ? null : ` · ${AB.seconds(clip.seconds)}`,
        clip.state === "changed" ? h("span", { class: "warning-inline" }, " · the file has changed since the run") : null,
        heard(clip, shown),
        spans.length ? h("ol", { class: "heard again-list", "aria-label": "Heard again, in this order" }, spans.map(({ who: arm, order, start, end }) =>
          h("li", { title: arm.label }, h("span", { class: "key " + AB.hue(arm.number), "aria-hidden": "true" }), `${arm.letter} heard again (${order}) ${AB.seconds(start)} to ${AB.seconds(end)}`))) : null));
    });
  }

  /** The detail view of a sample. */
  function view(task, sample, state, mode, position, change) {
    const players = [];
    const shown = [["A", state.a], ["B", state.b]].filter(([, number]) => number !== null && number !== undefined).map(([letter, number]) => {
      const epochs = sample.arms[number];
      return { letter, number, label: task.arms[number].label, epochs, epoch: epochs[Math.min(state.epoch, epochs.length - 1)] };
    });
    const tags = Object.entries(sample.metadata).filter(([, value]) => value !== null && typeof value !== "object" && String(value).length <= 80);
    const copy = h("button", { type: "button", class: "button quiet", click: async () => {
      try { await navigator.clipboard.writeText(location.href); copy.textContent = "Copied"; } catch { copy.textContent = "Copy it from the address bar"; }
      setTimeout(() => { copy.textContent = "Copy link"; }, 1800);
    } }, "Copy link");
    const element = h("article", { class: "sample", "aria-label": `Sample ${sample.id}` },
      h("header", { class: "sample-head" },
        h("button", { type: "button", class: "button quiet back", click: () => change({ back: true }) }, "← List"),
        h("h1", { class: "mono" }, AB.visible(sample.id)),
        h("div", { class: "sample-tools" }, copy,
          h("span", { class: "muted position" }, position.at >= 0 ? `${AB.count(position.at + 1)} / ${AB.count(position.of)}` : "outside the filter"),
          h("button", { type: "button", class: "icon", "aria-label": "Previous sample", click: () => change({ step: -1 }) }, "↑"),
          h("button", { type: "button", class: "icon", "aria-label": "Next sample", click: () => change({ step: 1 }) }, "↓"))),
      audio(sample, shown, mode, players),
      h("section", { class: "question", "aria-label": "Question" }, sample.question ? AB.prose(sample.question, "Question", "question-text") : null, choices(sample, shown),
        tags.length ? h("ul", { class: "tags" }, tags.map(([key, value]) => h("li", null, h("span", { class: "muted" }, AB.visible(key)), " ", AB.visible(String(value))))) : null),
      h("div", { class: "columns arms-side" }, shown.map(({ letter, number, epochs }) => column(task, sample, number, letter, epochs, state, change))),
      prompts(shown),
      h("details", { class: "fold", toggle: (event) => { const box = event.target; if (box.open && box.childElementCount === 1) box.append(AB.prose(JSON.stringify(sample, null, 1), "Record", "record")); } }, h("summary", null, "Everything as JSON")));
    return { element, players };
  }

  return { view };
})();
