// What the page shows: layers and their opacity, the divider, filters. Everybody who draws listens here.

import { parsed, written } from "./link.js";

export class State {
  constructor(facts) {
    this.facts = facts;
    this.layers = facts.layers; // the lowest first
    const legends = [...new Set(this.layers.map((l) => JSON.stringify(l.legend)))];
    for (const layer of this.layers) layer.group = legends.indexOf(JSON.stringify(layer.legend));
    this.shown = new Set(this.layers.filter((l) => l.shown).map((l) => l.key));
    this.opacity = Object.fromEntries(this.layers.map((l) => [l.key, l.kind === "scene" ? 1 : 0.7]));
    this.outlines = new Set(); // numbers of files of polygons
    this.swipe = { on: false, at: 0.5, ...this.#sides() };
    this.hidden = {}; // group → values of classes
    this.least = 0;
    this.place = null; // zoom, row and column of the middle
    this.listeners = [];
    this.read();
  }

  /** Two layers worth comparing: two dates, or the scene and its map. */
  #sides() {
    const scenes = this.layers.filter((l) => l.kind === "scene");
    const maps = this.layers.filter((l) => l.kind === "classes");
    const pair = scenes.length > 1 ? scenes : maps.length > 1 && !scenes.length ? maps : [scenes.at(-1), maps.at(-1)];
    const sides = pair.filter(Boolean);
    return { left: (sides[0] ?? this.layers[0]).key, right: (sides.at(-1) ?? this.layers.at(-1)).key };
  }

  /** What is drawn now, the lowest first. */
  drawn() {
    const { on, left, right } = this.swipe;
    return this.layers.filter((l) => (on ? l.key === left || l.key === right : this.shown.has(l.key)));
  }

  /** The map whose legend is shown: the uppermost that is drawn. */
  mapped() {
    return this.drawn().findLast((l) => l.kind === "classes");
  }

  /** Filters of a map, as its part of an address. */
  filters(layer) {
    const hidden = [...(this.hidden[layer.group] ?? [])].sort((a, b) => a - b).join(".");
    return `&hide=${hidden}&least=${layer.sure ? this.least : 0}`;
  }

  /** Change something and tell everybody. */
  set(change) {
    change(this);
    this.tell();
  }

  tell() {
    for (const listener of this.listeners) listener(this);
    this.write();
  }

  write() {
    history.replaceState(null, "", `#${written(this)}`);
  }

  read() {
    Object.assign(this, parsed(location.hash.slice(1), this));
  }
}
