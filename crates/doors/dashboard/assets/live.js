// Keeps an open page fresh, shows times in the viewer's zone, and knows the keys. Without it every page works, too.
//
// One tab of a browser holds the stream (/ui/live), which says what KIND of thing changed; it tells the others. A tab that
// shows that kind fetches itself and morphs. A hidden tab holds and asks for nothing.

import { Idiomorph } from "./idiomorph.js";

const NAME = "cc-devops-live";
const PAUSE = 500; // ms between two fetches
const PATIENCE = 10_000; // ms for an answer
const TYPING = 1_500; // ms after the last key in a field
const LOST = 4_000; // ms without the stream until that is said
const LONGEST = 30_000; // ms between two tries

const main = () => document.querySelector("main");
const visible = () => document.visibilityState === "visible";
const editable = (at) => at?.matches?.("input, textarea, select, [contenteditable]") ?? false;
const clock = () => new Date().toLocaleTimeString();

// What is said when the page is not as fresh as it looks.

const said = document.getElementById("live");
const troubles = { fetch: "", stream: "", held: "" };

function say(about, words) {
  troubles[about] = words;
  const all = troubles.fetch || troubles.stream || troubles.held;
  if (!said || said.textContent === all) return;
  said.textContent = all;
  said.hidden = !all;
}

let fresh = clock();

// Fetching: one at a time, two a second at most.

let wanted = false;
let busy = false;
let last = -PAUSE;
let timer = 0;
let tries = 0;

function refresh() {
  if (!main()?.dataset.shows) return;
  wanted = true;
  pump();
}

function pump() {
  if (busy || timer || !wanted || !visible() || waits()) return;
  const wait = last + PAUSE - performance.now();
  if (wait > 0) return later(wait);
  wanted = false;
  busy = true;
  last = performance.now();
  load()
    .then(
      (page) => {
        tries = 0;
        fresh = clock();
        say("fetch", "");
        offer(page);
      },
      (why) => {
        tries += 1;
        say("fetch", `Not live: ${why}. This is from ${fresh}.`);
        wanted = true;
        later(Math.min(1_000 * 2 ** tries, LONGEST));
      },
    )
    .finally(() => {
      busy = false;
      pump();
    });
}

function later(wait) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    timer = 0;
    pump();
  }, wait);
}

async function load() {
  const address = location.href.split("#")[0];
  let answer, text;
  try {
    const limit = AbortSignal.timeout?.(PATIENCE);
    answer = await fetch(address, { headers: { "cc-fragment": "1" }, cache: "no-store", signal: limit });
    text = await answer.text();
  } catch {
    throw "the server does not answer";
  }
  if (answer.status === 401) {
    location.reload();
    throw "your session has ended";
  }
  const page = answer.ok && new DOMParser().parseFromString(text, "text/html").querySelector("main");
  if (!page) throw `the server answers ${answer.status}`;
  return page;
}

// Morphing: never under the pointer, the focus, a selection or somebody's typing.

let pending = null;
let pointed = null;
let pressed = false;
let typed = -TYPING;

function held() {
  const at = document.activeElement;
  const inside = (node) => node && main()?.contains(node);
  const chosen = getSelection();
  return (
    pressed ||
    (pointed?.isConnected ?? false) ||
    (inside(at) && at.closest("tbody tr") !== null) ||
    performance.now() - typed < TYPING ||
    (chosen && !chosen.isCollapsed && inside(chosen.anchorNode))
  );
}

let waiting = 0;

// Whether what changed must wait; it is looked at again when somebody moves, and by itself.
function waits() {
  if (!held()) {
    say("held", "");
    return false;
  }
  const row = pointed?.isConnected || document.activeElement?.closest("main tbody tr");
  say("held", row ? "There is news. It shows when you leave the row." : "");
  clearTimeout(waiting);
  waiting = setTimeout(release, TYPING);
  return true;
}

function offer(page) {
  pending = page;
  release();
}

function release() {
  if (pending && !waits()) {
    const page = pending;
    pending = null;
    morph(page);
  }
  pump();
}

function dirty(node) {
  if (node.matches("select")) return [...node.options].some((one) => one.selected !== one.defaultSelected);
  if (node.matches("input[type=checkbox], input[type=radio]")) return node.checked !== node.defaultChecked;
  return node.matches("input, textarea") && node.value !== node.defaultValue;
}

function morph(page) {
  localise(page);
  try {
    Idiomorph.morph(main(), page, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: {
        // What somebody typed or chose stays.
        beforeNodeMorphed: (old) => !(editable(old) && (old === document.activeElement || dirty(old))),
        // What somebody folded stays.
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details")),
      },
    });
  } catch {
    main()?.replaceWith(page);
  }
}

document.addEventListener("pointerover", (event) => {
  pointed = event.pointerType === "mouse" ? event.target.closest?.("main tbody tr") : null;
  release();
});
document.documentElement.addEventListener("pointerleave", () => {
  pointed = null;
  release();
});
document.addEventListener("pointerdown", () => (pressed = true));
for (const end of ["pointerup", "pointercancel", "dragend"]) {
  document.addEventListener(end, () => {
    pressed = false;
    setTimeout(release);
  });
}
document.addEventListener("focusout", () => setTimeout(release));
document.addEventListener("selectionchange", () => release());
document.addEventListener("input", () => (typed = performance.now()));

// The stream, and the tab that holds it.

let stream = null;
let channel = null;
let letGo = null;
let asks = null;
let again = 0;
let failures = 0;
let lost = 0;
let newest = "";

function changed(kinds, id) {
  if (id) newest = id;
  const shows = (main()?.dataset.shows ?? "").split(" ");
  if (kinds.some((kind) => shows.includes(kind))) refresh();
}

function tell(message) {
  channel?.postMessage(message);
}

function isLive(live) {
  if (!live && (lost || troubles.stream)) return;
  clearTimeout(lost);
  lost = 0;
  if (live) return say("stream", "");
  lost = setTimeout(() => say("stream", `Not live: nobody tells what changes. This is from ${fresh}.`), LOST);
}

function listen() {
  clearTimeout(again);
  again = 0;
  stream?.close();
  const since = newest || main()?.dataset.since || "";
  stream = new EventSource(`/ui/live?since=${encodeURIComponent(since)}`);
  const of = stream;
  of.addEventListener("begin", (event) => {
    failures = 0;
    newest ||= event.lastEventId;
    isLive(true);
    tell({ live: true, id: newest });
  });
  of.addEventListener("changed", (event) => {
    const kinds = event.data.split(" ");
    changed(kinds, event.lastEventId);
    tell({ kinds, id: event.lastEventId });
  });
  of.addEventListener("ended", () => {
    of.close();
    tell({ ended: true });
    over();
  });
  of.addEventListener("error", () => {
    isLive(false);
    tell({ live: false });
    if (of.readyState !== EventSource.CLOSED || of !== stream) return;
    // It was refused: by a fetch it shows whether the session is over.
    failures += 1;
    refresh();
    again = setTimeout(listen, Math.min(1_000 * 2 ** failures, LONGEST));
  });
}

function over() {
  // Where the session is over, that loads the page anew.
  load().catch(() => {});
}

function start() {
  if (asks || !said) return;
  const own = (asks = new AbortController());
  if (!("locks" in navigator) || !("BroadcastChannel" in globalThis)) {
    listen();
    return;
  }
  channel = new BroadcastChannel(NAME);
  channel.onmessage = ({ data }) => {
    if (data.hello !== undefined) return stream && tell({ live: stream.readyState === EventSource.OPEN, id: newest });
    if (data.ended) return over();
    if (data.kinds) return changed(data.kinds, data.id);
    // What this page shows is older or newer than what the other tab knows: it may lack something.
    if (data.id && data.id !== (newest || main()?.dataset.since)) refresh();
    if (data.id) newest = data.id;
    isLive(data.live);
  };
  tell({ hello: true });
  navigator.locks
    .request(NAME, { signal: own.signal }, () => {
      if (own.signal.aborted) return undefined;
      listen();
      return new Promise((resolve) => (letGo = resolve));
    })
    .catch(() => {});
}

function stop() {
  asks?.abort();
  asks = null;
  clearTimeout(again);
  clearTimeout(lost);
  lost = again = 0;
  stream?.close();
  stream = null;
  letGo?.();
  letGo = null;
  channel?.close();
  channel = null;
}

document.addEventListener("visibilitychange", () => {
  if (!visible()) return stop();
  start();
  refresh();
});
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => {
  if (!event.persisted || !visible()) return;
  start();
  refresh();
});
addEventListener("online", refresh);

// Times in the viewer's zone.

const day = new Intl.DateTimeFormat("en-CA", { dateStyle: "short" });
const hour = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short", hour: "2-digit" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0 || time.querySelector(".local")) continue;
    const name = zone.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "";
    const date = day.format(at);
    const other = date === time.dateTime.slice(0, 10) ? "" : `${date} `;
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = `(${other}${hour.format(at)} ${name})`;
    time.append(" ", local);
  }
}

// Keys. They can be switched off, for those whose voice or hand types letters by accident.

const list = document.getElementById("keys");
const OFF = `${NAME}-keys-off`;
let going = -Infinity;

function keysAreOff() {
  try {
    return localStorage.getItem(OFF) === "1";
  } catch {
    return false;
  }
}

function showSwitches() {
  for (const button of document.querySelectorAll("button[data-keys]")) {
    button.hidden = false;
    button.textContent = keysAreOff() ? "Switch the keys on" : "Switch the keys off";
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("button[data-keys]")) {
    try {
      localStorage.setItem(OFF, keysAreOff() ? "0" : "1");
    } catch {
      // Where nothing may be kept, they stay on.
    }
    showSwitches();
  } else if (event.target.closest?.("dialog button[data-close]")) {
    list?.close();
  } else if (list?.showModal && event.target.closest?.("a[data-opens=keys]") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    list.showModal();
  }
});

function search() {
  const fields = ["main [role=search] input", "[role=search] input"].flatMap((all) => [...document.querySelectorAll(all)]);
  const field = fields.find((one) => one.offsetParent !== null);
  if (field) {
    field.focus();
    field.select?.();
  } else location.assign("/ui/requests#search");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = document.activeElement;
  if (editable(at)) {
    if (event.key === "Escape" && !at.closest("dialog")) at.blur();
    return;
  }
  if (keysAreOff()) return;
  const second = performance.now() - going < 1_500;
  going = -Infinity;
  if (second) {
    const link = [...(list?.querySelectorAll("a[data-go]") ?? [])].find((one) => one.dataset.go === event.key);
    if (link) {
      event.preventDefault();
      location.assign(link.href);
    }
  } else if (list?.open) {
    return;
  } else if (event.key === "g") {
    going = performance.now();
  } else if (event.key === "/") {
    event.preventDefault();
    search();
  } else if (event.key === "?" && list?.showModal) {
    event.preventDefault();
    list.showModal();
  }
});

localise(document);
showSwitches();
if (location.hash === "#search") search();
if (visible()) start();
