// A clip: player, waveform, spectrogram. Where the page can read the audio it decodes it (WebAudio, 16 kHz); opened
// from disk it may only play it, and shows the picture that was drawn when the page was written.
"use strict";

AB.sound = (function () {
  const { h } = AB;
  const RATE = 16000, WINDOW = 512, COLUMNS = 640, ROWS = 72, TOP_HZ = 8000, FLOOR_DB = 70;
  const WAVE = 56, SPECTRUM = 120;

  let pictures = null;

  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

  /** The picture that `audiobench/view/pictures.py` drew: one value a byte, 0..255 and 0..15. */
  function unpack(stored) {
    const packed = bytes(stored.cells);
    const cells = new Uint8Array(stored.columns * stored.rows);
    for (let i = 0; i < packed.length; i++) { cells[2 * i] = packed[i] >> 4; cells[2 * i + 1] = packed[i] & 15; }
    return { columns: stored.columns, rows: stored.rows, peaks: bytes(stored.peaks), cells, top: 15, seconds: stored.seconds };
  }

  async function decode(buffer) {
    const audio = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(buffer);
    const mono = new Float32Array(audio.length);
    for (let channel = 0; channel < audio.numberOfChannels; channel++) {
      const data = audio.getChannelData(channel);
      for (let i = 0; i < mono.length; i++) mono[i] += data[i] / audio.numberOfChannels;
    }
    return mono;
  }

  /** Radix-2 FFT in place. */
  function transform(re, im) {
    const n = re.length;
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
    }
    for (let size = 2; size <= n; size <<= 1) {
      for (let k = 0; k < size / 2; k++) {
        const c = Math.cos((-2 * Math.PI * k) / size), d = Math.sin((-2 * Math.PI * k) / size);
        for (let i = k; i < n; i += size) {
          const j = i + size / 2;
          const x = re[j] * c - im[j] * d, y = re[j] * d + im[j] * c;
          re[j] = re[i] - x; im[j] = im[i] - y; re[i] += x; im[i] += y;
        }
      }
    }
  }

  const hertz = (row, rows) => 700 * (10 ** (((row / (rows + 1)) * Math.log10(1 + TOP_HZ / 700))) - 1);

  /** Triangles on the mel scale: for each row its first bin and weights. */
  function filters() {
    const width = RATE / WINDOW;
    return Array.from({ length: ROWS }, (_, row) => {
      const centre = hertz(row + 1, ROWS);
      const left = Math.min(hertz(row, ROWS), centre - width), right = Math.max(hertz(row + 2, ROWS), centre + width);
      const first = Math.max(0, Math.ceil(left / width)), last = Math.min(WINDOW / 2, Math.floor(right / width));
      const weights = [];
      for (let bin = first; bin <= last; bin++) {
        const f = bin * width;
        weights.push(Math.max(0, f < centre ? (f - left) / (centre - left) : (right - f) / (right - centre)));
      }
      const sum = weights.reduce((a, b) => a + b, 0) || 1;
      return { first, weights: weights.map((w) => w / sum) };
    });
  }

  /** Peaks and mel spectrogram of samples at RATE. */
  function draw(samples) {
    const peaks = new Uint8Array(2 * COLUMNS), power = new Float32Array(COLUMNS * ROWS), bank = filters();
    const hann = Float32Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (WINDOW - 1)));
    let loudest = 1e-6;
    for (let column = 0; column < COLUMNS; column++) {
      const from = Math.floor((column * samples.length) / COLUMNS);
      const to = Math.max(from + 1, Math.floor(((column + 1) * samples.length) / COLUMNS));
      let low = 1, high = -1;
      for (let i = from; i < to; i++) { const x = samples[i] || 0; if (x < low) low = x; if (x > high) high = x; }
      peaks[2 * column] = Math.round(Math.max(0, (low + 1) * 127.5));
      peaks[2 * column + 1] = Math.round(Math.min(255, (high + 1) * 127.5));
      const re = new Float32Array(WINDOW), im = new Float32Array(WINDOW), start = ((from + to) >> 1) - WINDOW / 2;
      for (let i = 0; i < WINDOW; i++) re[i] = (samples[start + i] || 0) * hann[i];
      transform(re, im);
      for (let row = 0; row < ROWS; row++) {
        const { first, weights } = bank[row];
        let sum = 1e-12;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * (re[first + k] ** 2 + im[first + k] ** 2);
        power[column * ROWS + row] = sum;
        if (sum > loudest) loudest = sum;
      }
    }
    const top = 10 * Math.log10(loudest);
    const cells = Uint8Array.from(power, (p) => Math.round(255 * Math.min(1, Math.max(0, 1 + (10 * Math.log10(p) - top) / FLOOR_DB))));
    return { columns: COLUMNS, rows: ROWS, peaks, cells, top: 255, seconds: samples.length / RATE };
  }

  /** {src, picture: Promise} of a clip, by the way this page reaches audio. */
  function open(clip, mode) {
    if (mode === "embedded") {
      const file = AB.store.load(`clips/${clip.sha256}`).then(({ type, data }) => new Blob([bytes(data)], { type }));
      return { src: file.then((blob) => URL.createObjectURL(blob)), picture: file.then((blob) => blob.arrayBuffer()).then(decode).then(draw) };
    }
    const src = Promise.resolve(clip.src);
    const read = () => fetch(clip.src).then((answer) => {
      if (!answer.ok) throw new Error("not found");
      return answer.arrayBuffer();
    }).then(decode).then(draw);
    if (mode === "served") return { src, picture: read() };
    pictures = pictures || AB.store.load("pictures/index").then((shas) => new Set(shas));
    const stored = pictures.then((shas) => {
      if (!shas.has(clip.sha256.slice(0, 16))) throw new Error("none was drawn");
      return AB.store.load(`pictures/${clip.sha256}`);
    }).then((found) => {
      if (found.error) throw new Error(found.error);
      return unpack(found);
    });
    return { src, picture: location.protocol === "file:" ? stored : stored.catch(read) };
  }

  function rgb(name, element) {
    const [r, g, b] = getComputedStyle(element).getPropertyValue(name).trim().split(/\s+/).map(Number);
    return [r, g, b];
  }

  /** Paint the picture in the colours of the theme. */
  function paint(canvas, picture) {
    const box = canvas.getBoundingClientRect();
    if (!box.width) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(box.width * scale);
    canvas.height = Math.round((WAVE + SPECTRUM) * scale);
    const pen = canvas.getContext("2d");
    const wave = WAVE * scale, step = canvas.width / picture.columns;
    pen.fillStyle = `rgb(${rgb("--wave", canvas).join(" ")})`;
    const loudest = picture.peaks.reduce((most, peak) => Math.max(most, Math.abs(peak - 127.5)), 16);
    const y = (peak) => wave * (0.5 - (0.44 * (peak - 127.5)) / loudest);
    pen.beginPath();
    for (let column = 0; column < picture.columns; column++) pen.lineTo((column + 0.5) * step, y(picture.peaks[2 * column + 1]) - scale / 2);
    for (let column = picture.columns - 1; column >= 0; column--) pen.lineTo((column + 0.5) * step, y(picture.peaks[2 * column]) + scale / 2);
    pen.fill();
    const stops = ["--heat-0", "--heat-1", "--heat-2", "--heat-3"].map((name) => rgb(name, canvas));
    const image = new ImageData(picture.columns, picture.rows);
    for (let column = 0; column < picture.columns; column++) {
      for (let row = 0; row < picture.rows; row++) {
        const level = (picture.cells[column * picture.rows + row] / picture.top) * 3;
        const low = Math.min(2, Math.floor(level)), part = level - low;
        const to = 4 * ((picture.rows - 1 - row) * picture.columns + column);
        for (let k = 0; k < 3; k++) image.data[to + k] = stops[low][k] + part * (stops[low + 1][k] - stops[low][k]);
        image.data[to + 3] = 255;
      }
    }
    const small = document.createElement("canvas");
    small.width = picture.columns; small.height = picture.rows;
    small.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(small, 0, wave, canvas.width, SPECTRUM * scale);
  }

  const PLAY = "M7 4.5v15l12-7.5z", PAUSE = "M6 5h4v14H6zM14 5h4v14h-4z";

  /** A span of the clip that was heard again, as a button on the picture that plays it. */
  function span({ arm, order, start, end, lane }, seconds, play) {
    const words = `Play what was heard again, number ${order}: ${start} to ${end} s`;
    const mark = h("button", {
      type: "button", class: `again ${AB.hue(arm)}`, title: words, "aria-label": words,
      pointerdown: (event) => event.stopPropagation(), click: (event) => { event.stopPropagation(); play(start, end); },
    }, String(order));
    mark.style.left = `${(100 * start) / seconds}%`;
    mark.style.width = `${(100 * (end - start)) / seconds}%`;
    mark.style.top = `${2 + 13 * (lane % 13)}px`;
    return mark;
  }

  /** The player of one clip: {element, toggle, skip, close}; `spans` are the parts of it that were heard again. */
  function player(clip, mode, name, spans = []) {
    const playable = clip.state === "ok" || (clip.state === "changed" && mode !== "embedded" && mode !== "served");
    const audio = clip.kind === "video" ? h("video", { preload: "metadata", class: "film", playsinline: "" }) : h("audio", { preload: "metadata" });
    const icon = AB.s("path", { d: PLAY });
    const button = h("button", { type: "button", class: "play", "aria-label": `Play ${name}`, click: () => toggle() },
      AB.s("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, icon));
    const canvas = h("canvas", { "aria-hidden": "true" });
    const head = h("div", { class: "playhead" });
    const note = h("p", { class: "picture-note" });
    const scales = [[8000, "8k"], [4000, "4k"], [2000, "2k"], [1000, "1k"], [500, "500"]].map(([f, label]) => {
      const tick = h("span", { class: "hz" }, label + (f === 8000 ? " Hz" : ""));
      const mel = Math.log10(1 + f / 700) / Math.log10(1 + TOP_HZ / 700);
      tick.style.top = `${WAVE + SPECTRUM * (1 - mel)}px`;
      return tick;
    });
    const picture = h("div", {
      class: "picture", tabindex: "0", role: "slider", "aria-label": `Position in ${name}`, "aria-valuemin": "0",
      "aria-valuemax": String(clip.seconds || 0), "aria-valuenow": "0",
      pointerdown: (event) => seek(event), pointermove: (event) => { if (event.buttons & 1) seek(event); },
    }, canvas, scales, head, note, clip.seconds ? spans.map((one) => span(one, clip.seconds, part)) : null);
    const clock = h("span", { class: "clock" });
    const speed = h("select", { "aria-label": `Speed of ${name}`, change: () => { audio.playbackRate = Number(speed.value); } },
      ["0.5", "0.75", "1", "1.25", "1.5", "2"].map((x) => h("option", { value: x, selected: x === "1" }, x + "×")));
    const message = h("p", { class: "clip-error", role: "status", hidden: true });
    const element = h("div", { class: "player" }, clip.kind === "video" ? audio : null, picture,
      h("div", { class: "controls" }, button, clock, speed), message, clip.kind === "video" ? null : audio);

    let drawn = null, frame = 0, address = null, closed = false, until = null;
    const length = () => (isFinite(audio.duration) && audio.duration) || clip.seconds || 0;
    function show() {
      const now = audio.currentTime;
      head.style.left = `${length() ? (100 * now) / length() : 0}%`;
      clock.textContent = `${now.toFixed(1)} / ${length().toFixed(1)} s`;
      picture.setAttribute("aria-valuenow", now.toFixed(1));
      picture.setAttribute("aria-valuetext", `${now.toFixed(1)} seconds of ${length().toFixed(1)}`);
    }
    function follow() {
      if (until !== null && audio.currentTime >= until) { audio.pause(); until = null; }
      show(); frame = audio.paused ? 0 : requestAnimationFrame(follow);
    }
    function part(start, end) {
      if (button.disabled) return;
      audio.currentTime = start;
      until = end;
      audio.play().catch(() => {});
    }
    function fail(text) { message.replaceChildren(AB.visible(text)); message.hidden = false; button.disabled = true; speed.disabled = true; }
    function toggle() {
      if (button.disabled) return;
      until = null;
      if (audio.paused) audio.play().catch(() => {}); else audio.pause();
    }
    function skip(by) { audio.currentTime = Math.min(length(), Math.max(0, audio.currentTime + by)); show(); }
    function seek(event) {
      until = null;
      const box = picture.getBoundingClientRect();
      audio.currentTime = (length() * Math.min(box.width, Math.max(0, event.clientX - box.left))) / box.width;
      show();
    }
    function state() {
      icon.setAttribute("d", audio.paused ? PLAY : PAUSE);
      button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"} ${name}`);
      if (!frame) follow();
    }
    for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, state);
    for (const event of ["loadedmetadata", "timeupdate", "seeked"]) audio.addEventListener(event, show);
    audio.addEventListener("error", () => fail(`The clip cannot be played from ${clip.path}; it may be on the machine where the run was made.`));

    const watch = new ResizeObserver(() => { if (drawn) paint(canvas, drawn); });
    watch.observe(canvas);
    const repaint = () => { if (drawn) paint(canvas, drawn); };
    document.addEventListener("themechange", repaint);

    if (playable) {
      const opened = open(clip, mode);
      opened.src.then((src) => { if (!closed) { address = src; audio.src = src; } }, () => fail("The clip is not in this export."));
      opened.picture.then((found) => { if (!closed) { drawn = found; repaint(); } },
        (error) => { note.replaceChildren(AB.visible(`No waveform: ${error.message}.`)); });
    } else {
      fail(clip.state === "missing" ? `The clip is not at ${clip.path}.` : `The file at ${clip.path} is not what the model heard: it has changed.`);
      note.textContent = "No audio here.";
    }
    show();
    return {
      element, toggle, skip,
      close() {
        closed = true;
        audio.pause();
        audio.removeAttribute("src");
        watch.disconnect();
        document.removeEventListener("themechange", repaint);
        if (address && address.startsWith("blob:")) URL.revokeObjectURL(address);
      },
    };
  }

  /** An image: {element, close}, like a player that has nothing to play. */
  function image(clip, mode, name) {
    const shown = h("img", { class: "film", alt: AB.plain(name) });
    const message = h("p", { class: "clip-error", role: "status", hidden: true });
    let address = null;
    function fail(text) { message.replaceChildren(AB.visible(text)); message.hidden = false; shown.hidden = true; }
    shown.addEventListener("error", () => fail(`The image cannot be shown from ${clip.path}; it may be on the machine where the run was made.`));
    if (clip.state === "missing") fail(`The image is not at ${clip.path}.`);
    else if (mode === "embedded") AB.store.load(`clips/${clip.sha256}`).then(({ type, data }) => { shown.src = address = URL.createObjectURL(new Blob([bytes(data)], { type })); }, () => fail("The image is not in this export."));
    else shown.src = clip.src;
    return { element: h("div", { class: "player" }, shown, message), toggle() {}, skip() {}, close() { if (address) URL.revokeObjectURL(address); } };
  }

  return { player, image, draw };
})();
