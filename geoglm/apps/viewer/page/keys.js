// Everything by keyboard.

import { byId, make } from "./dom.js";

const PAN_PX = 120;
const TOLD = [
  ["+  −", "zoom in and out"],
  ["← ↑ → ↓", "move the map; with Shift ← →, or with the focus on it, the divider"],
  ["1 … 9", "show or hide a layer, counted from the uppermost"],
  ["O", "opacity of the uppermost layer: 100, 75, 50, 25 %"],
  ["S", "divider between two layers"],
  ["P", "outlines of polygons"],
  ["Enter", "tell what lies in the middle of the map"],
  ["0", "show everything"],
  ["?", "this help"],
];

export function keys(state, stage, here) {
  const { map } = stage;
  const help = byId("help");
  byId("keys").replaceChildren(...TOLD.flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]));
  byId("help-open").onclick = () => help.showModal();
  byId("help-close").onclick = () => help.close();

  const pan = (x, y) => map.panBy([x * PAN_PX, y * PAN_PX]);
  const slide = (by) => {
    stage.slide(state.swipe.at + by);
    state.write();
  };
  const across = (way) => (event) => (state.swipe.on && (event.shiftKey || event.target.id === "divider") ? slide(way * 0.02) : pan(way, 0));
  const actions = {
    "+": () => map.zoomIn(),
    "=": () => map.zoomIn(),
    "-": () => map.zoomOut(),
    ArrowLeft: across(-1),
    ArrowRight: across(1),
    ArrowUp: () => pan(0, -1),
    ArrowDown: () => pan(0, 1),
    0: () => stage.fit(),
    o: () => state.set(fainter),
    s: () => state.set((s) => (s.swipe.on = !s.swipe.on)),
    p: () => state.set((s) => s.facts.polygons.forEach((_, k) => toggle(s.outlines, k))),
    Enter: () => here.middle(),
    "?": () => help.showModal(),
  };
  for (let n = 1; n <= 9; n++) {
    actions[n] = () => {
      const layer = state.layers.at(-n);
      if (n <= state.layers.length) state.set((s) => toggle(s.shown, layer.key));
    };
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, button, summary, dialog");
    const own = typing && ["Enter", " ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key);
    if (event.ctrlKey || event.metaKey || event.altKey || own || help.open) return;
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
}

const toggle = (set, item) => (set.has(item) ? set.delete(item) : set.add(item));

/** The uppermost layer a quarter fainter, or whole again. */
function fainter(state) {
  const layer = state.layers.findLast((l) => state.shown.has(l.key));
  if (layer) state.opacity[layer.key] = state.opacity[layer.key] <= 0.25 ? 1 : (Math.ceil(state.opacity[layer.key] * 4) - 1) / 4;
}
