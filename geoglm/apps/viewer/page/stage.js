// The map: layers of tiles in the raster's own pixels, and the divider between two of them.

import { byId } from "./dom.js";

const DEEPEST = 5; // halvings of a pixel that one can zoom in by

/** Rows grow downwards, Leaflet's latitudes upwards. */
export const latLng = (row, col) => L.latLng(-row, col);

export class Stage {
  constructor(state) {
    const { height, width, levels, gsd } = state.facts;
    this.state = state;
    this.bounds = L.latLngBounds(latLng(height, 0), latLng(0, width));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const crs = L.extend({}, L.CRS.Simple, { distance: (a, b) => L.CRS.Simple.distance(a, b) * (gsd ?? 1) });
    this.map = L.map("map", {
      crs,
      minZoom: -levels - 1,
      maxZoom: DEEPEST,
      maxBounds: this.bounds.pad(0.5),
      attributionControl: false,
      keyboard: false,
      preferCanvas: true,
      zoomAnimation: !still,
      fadeAnimation: !still,
    });
    if (gsd) L.control.scale({ imperial: false }).addTo(this.map);
    this.tiles = new Map(state.layers.map((layer, k) => [layer.key, this.#tiles(layer, k)]));
    this.map.on("moveend", () => this.#moved());
    state.place ? this.#go() : this.fit();
    this.map.on("move zoom resize", () => this.#divide());
    this.#dragged(byId("divider"));
    state.listeners.push(() => this.draw());
  }

  /** The whole raster, at the zoom nearest to filling the map. */
  fit() {
    const { x, y } = this.map.getSize();
    const { height, width } = this.state.facts;
    const zoom = Math.round(Math.log2(Math.min(x / width, y / height) || 1));
    this.map.setView(this.bounds.getCenter(), Math.min(zoom, DEEPEST), { animate: false });
  }

  /** Rows and columns on screen: top, left, bottom, right; null where there are none. */
  window() {
    const { height, width } = this.state.facts;
    const seen = this.map.getBounds();
    const box = [
      Math.max(0, Math.floor(-seen.getNorth())),
      Math.max(0, Math.floor(seen.getWest())),
      Math.min(height, Math.ceil(-seen.getSouth())),
      Math.min(width, Math.ceil(seen.getEast())),
    ];
    return box[0] < box[2] && box[1] < box[3] ? box : null;
  }

  draw() {
    const drawn = new Set(this.state.drawn().map((l) => l.key));
    for (const layer of this.state.layers) {
      const tiles = this.tiles.get(layer.key);
      if (!drawn.has(layer.key)) {
        tiles.remove();
        continue;
      }
      const address = this.#address(layer);
      if (tiles.address !== address) tiles.setUrl((tiles.address = address));
      tiles.setOpacity(this.state.swipe.on ? 1 : this.state.opacity[layer.key]);
      tiles.addTo(this.map);
    }
    this.#divide();
  }

  #tiles(layer, k) {
    const pane = this.map.createPane(layer.key);
    pane.style.zIndex = 200 + k;
    const address = this.#address(layer);
    const tiles = L.tileLayer(address, {
      pane: layer.key,
      bounds: this.bounds,
      minZoom: layer.coarsest < this.state.facts.levels ? -layer.coarsest : -this.state.facts.levels - 1,
      maxZoom: DEEPEST,
      minNativeZoom: -this.state.facts.levels,
      maxNativeZoom: 0,
      level: ({ z }) => -z,
      noWrap: true,
      className: "pixels",
    });
    tiles.address = address;
    return tiles;
  }

  #address(layer) {
    const filters = layer.kind === "classes" ? this.state.filters(layer) : "";
    return `tiles/${layer.key}/{level}/{y}/{x}.png?v=${layer.stamp}${filters}`;
  }

  #moved() {
    const middle = this.map.getCenter();
    this.state.place = [this.map.getZoom(), -middle.lat, middle.lng];
    this.state.write();
  }

  #go() {
    const [zoom, row, col] = this.state.place;
    this.map.setView(latLng(row, col), Math.round(zoom), { animate: false });
  }

  /** Follow an address that was changed by hand. */
  follow() {
    if (this.state.place) this.#go();
  }

  /** Cut the panes of the two sides at the divider. */
  #divide() {
    const { on, left, right, at } = this.state.swipe;
    const divider = byId("divider");
    divider.hidden = !on;
    for (const { key } of this.state.layers) this.map.getPane(key).style.clip = "auto";
    if (!on) return;
    const size = this.map.getSize();
    const [from, to] = [[0, 0], [size.x, size.y]].map((p) => this.map.containerPointToLayerPoint(p));
    const cut = Math.round(from.x + at * size.x);
    const clip = (start, end) => `rect(${from.y}px, ${end}px, ${to.y}px, ${start}px)`;
    if (left !== right) {
      this.map.getPane(left).style.clip = clip(from.x, cut);
      this.map.getPane(right).style.clip = clip(cut, to.x);
    }
    divider.style.left = `${at * size.x}px`;
    divider.setAttribute("aria-valuenow", Math.round(at * 100));
  }

  /** Move the divider by pointer. */
  #dragged(divider) {
    const box = this.map.getContainer();
    const move = (event) => {
      const { left, width } = box.getBoundingClientRect();
      this.slide((event.clientX - left) / width);
    };
    divider.addEventListener("pointerdown", (event) => {
      divider.setPointerCapture(event.pointerId);
      divider.addEventListener("pointermove", move);
      event.preventDefault();
      divider.focus();
    });
    divider.addEventListener("lostpointercapture", () => {
      divider.removeEventListener("pointermove", move);
      this.state.write();
    });
  }

  /** Put the divider at a share of the map's width. */
  slide(at) {
    this.state.swipe.at = Math.min(1, Math.max(0, at));
    this.#divide();
  }
}
