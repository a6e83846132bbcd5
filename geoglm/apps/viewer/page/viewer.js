// The page of `geoglm view`: asks what there is, and sets the parts to work.

import { asker, byId, make } from "./dom.js";
import { Here } from "./here.js";
import { keys } from "./keys.js";
import { Legend } from "./legend.js";
import { Panel } from "./panel.js";
import { Shapes } from "./shapes.js";
import { Stage } from "./stage.js";
import { State } from "./state.js";

const facts = await asker()("view.json");
if (facts.error) {
  byId("at").replaceChildren(make("p", {}, facts.error));
} else {
  const state = new State(facts);
  new Panel(state);
  const stage = new Stage(state);
  new Legend(state, stage);
  new Shapes(state, stage);
  keys(state, stage, new Here(state, stage));
  stage.map.on("mousemove", ({ latlng }) => (byId("where").textContent = placed(facts, Math.floor(latlng.lng), Math.floor(-latlng.lat))));
  window.addEventListener("hashchange", () => {
    state.read();
    stage.follow();
    state.tell();
  });
  state.tell();
  document.documentElement.dataset.ready = "yes";
}

/** Column and row under the pointer, and map coordinates where they are known. */
function placed({ height, width, transform }, col, row) {
  if (col < 0 || row < 0 || col >= width || row >= height) return "";
  if (!transform) return `${col}, ${row}`;
  const [a, b, c, d, e, f] = transform;
  const [x, y] = [a * (col + 0.5) + b * (row + 0.5) + c, d * (col + 0.5) + e * (row + 0.5) + f];
  const digits = Math.abs(a) < 0.01 ? 5 : 1;
  return `${x.toFixed(digits)}, ${y.toFixed(digits)}`;
}
