// Outlines of the polygons on screen.

import { asker, byId, later } from "./dom.js";
import { latLng } from "./stage.js";

const LINES = [
  { color: "#fff", weight: 3.2, opacity: 0.8 }, // dark on light is seen on any ground
  { color: "#111", weight: 1.3 },
];

export class Shapes {
  constructor(state, stage) {
    this.state = state;
    this.stage = stage;
    this.drawn = state.facts.polygons.map(() => L.layerGroup());
    this.askers = this.drawn.map(asker);
    const fetch = later(150, () => this.draw());
    stage.map.on("moveend", fetch);
    state.listeners.push(fetch);
  }

  draw() {
    const box = this.stage.window();
    this.drawn.forEach(async (layer, k) => {
      const note = byId(`outlines-told-${k}`);
      if (!this.state.outlines.has(k) || !box) {
        note.textContent = "";
        return layer.remove();
      }
      const asked = box.join();
      if (layer.asked === asked && this.stage.map.hasLayer(layer)) return;
      const [top, left, bottom, right] = box;
      const told = await this.askers[k](`polygons/${k}?top=${top}&left=${left}&bottom=${bottom}&right=${right}`);
      layer.asked = asked;
      note.textContent = told.error ?? (told.more ? "zoom in" : `${told.features.length} here`);
      layer.clearLayers();
      if (told.error || !this.state.outlines.has(k)) return;
      LINES.forEach((style) => layer.addLayer(outlined(told, { ...style, fill: false, interactive: false })));
      layer.addTo(this.stage.map);
    });
  }
}

const outlined = (shapes, style) => L.geoJSON(shapes, { coordsToLatLng: ([x, y]) => latLng(y, x), style });
