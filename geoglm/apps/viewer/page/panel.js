// The list of layers, and what is compared.

import { byId, make } from "./dom.js";

export class Panel {
  constructor(state) {
    this.state = state;
    byId("title").textContent = document.title = state.facts.title;
    byId("layers").replaceChildren(...state.layers.toReversed().map((l, k) => this.#layer(l, k)), ...this.#polygons());
    for (const side of ["left", "right"]) this.#side(side);
    byId("swipe").onchange = ({ target }) => state.set((s) => (s.swipe.on = target.checked));
    byId("fold").onclick = () => this.#fold();
    const notes = state.facts.notes.map((line) => make("p", { class: "quiet" }, line));
    byId("notes").replaceChildren(...notes);
    byId("notes").hidden = !notes.length;
    state.listeners.push(() => this.draw());
  }

  draw() {
    const { shown, opacity, outlines, swipe } = this.state;
    for (const { key } of this.state.layers) {
      byId(`show-${key}`).checked = shown.has(key);
      byId(`opacity-${key}`).value = Math.round(opacity[key] * 100);
      byId(`opacity-${key}`).disabled = !shown.has(key);
    }
    this.state.facts.polygons.forEach((_, k) => (byId(`outlines-${k}`).checked = outlines.has(k)));
    byId("layers").classList.toggle("aside", swipe.on);
    byId("swipe").checked = swipe.on;
    byId("sides").hidden = !swipe.on;
    byId("left").value = swipe.left;
    byId("right").value = swipe.right;
  }

  #layer({ key, title }, number) {
    const { state } = this;
    const show = make("input", { type: "checkbox", id: `show-${key}` });
    show.onchange = () => state.set((s) => (show.checked ? s.shown.add(key) : s.shown.delete(key)));
    const opacity = make("input", { type: "range", id: `opacity-${key}`, min: 0, max: 100, "aria-label": `Opacity of ${title}` });
    opacity.oninput = () => state.set((s) => (s.opacity[key] = opacity.value / 100));
    const hint = number < 9 ? [make("kbd", { "aria-hidden": "true" }, `${number + 1}`)] : [];
    return make("li", { class: "row layer" }, make("label", { title }, show, make("span", {}, title), ...hint), opacity);
  }

  #polygons() {
    return this.state.facts.polygons.map((title, k) => {
      const show = make("input", { type: "checkbox", id: `outlines-${k}` });
      show.onchange = () => this.state.set((s) => (show.checked ? s.outlines.add(k) : s.outlines.delete(k)));
      return make("li", { class: "row" }, make("label", {}, show, make("span", {}, title)), make("span", { class: "quiet", id: `outlines-told-${k}` }));
    });
  }

  #side(side) {
    const select = byId(side);
    select.replaceChildren(...this.state.layers.map(({ key, title }) => make("option", { value: key }, title)));
    select.onchange = () => this.state.set((s) => (s.swipe[side] = select.value));
  }

  #fold() {
    const folded = document.body.classList.toggle("folded");
    byId("fold").setAttribute("aria-expanded", String(!folded));
    byId("fold").textContent = folded ? "+" : "–";
    window.dispatchEvent(new Event("resize"));
  }
}
