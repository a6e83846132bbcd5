// The legend of the uppermost map: it filters classes, and tells how much of each is on screen.

import { asker, byId, later, make, swatch } from "./dom.js";

export class Legend {
  constructor(state, stage) {
    this.state = state;
    this.stage = stage;
    this.ask = asker();
    this.count = later(200, () => this.#count());
    this.layer = null;
    const least = byId("least");
    const filter = later(150, () => state.tell());
    least.oninput = () => {
      state.least = Number(least.value);
      byId("least-told").textContent = `${least.value} %`;
      filter();
    };
    stage.map.on("moveend", this.count);
    state.listeners.push(() => this.draw());
  }

  draw() {
    const layer = this.state.mapped();
    byId("legend-part").hidden = !layer;
    if (!layer) return;
    if (layer !== this.layer) {
      this.layer = layer;
      byId("legend-of").textContent = `of ${layer.title}`;
      byId("legend").replaceChildren(...layer.legend.map((c) => this.#class(c)));
    }
    const hidden = this.state.hidden[layer.group] ?? new Set();
    for (const { value } of layer.legend) byId(`class-${value}`).checked = !hidden.has(value);
    byId("least-row").hidden = !layer.sure;
    byId("least-name").textContent = layer.title.endsWith("change") ? "probability" : "confidence";
    byId("least").value = this.state.least;
    byId("least-told").textContent = `${this.state.least} %`;
    this.count();
  }

  #class({ value, name, colour }) {
    const show = make("input", { type: "checkbox", id: `class-${value}` });
    show.onchange = () =>
      this.state.set((s) => {
        const hidden = (s.hidden[this.layer.group] ??= new Set());
        show.checked ? hidden.delete(value) : hidden.add(value);
      });
    const bar = make("span", { class: "bar", id: `bar-${value}` });
    bar.style.backgroundColor = colour;
    return make(
      "li",
      {},
      make("div", { class: "row" }, make("label", {}, show, swatch(colour), make("span", {}, name.replaceAll("_", " "))), make("span", { class: "area", id: `area-${value}` })),
      bar,
    );
  }

  /** How much of each class is on screen. */
  async #count() {
    const { layer } = this;
    const box = this.stage.window();
    if (!layer || !this.state.mapped()) return;
    if (!box) return void (byId("counted").textContent = "nothing of the map is on screen");
    const [top, left, bottom, right] = box;
    const least = layer.sure ? this.state.least : 0;
    const told = await this.ask(`areas?layer=${layer.key}&top=${top}&left=${left}&bottom=${bottom}&right=${right}&least=${least}`);
    if (told.error) return void (byId("counted").textContent = told.error);
    if (layer !== this.layer) return;
    const total = told.classes.reduce((sum, c) => sum + c.pixels, 0) || 1;
    for (const { value, pixels, hectares } of told.classes) {
      const amount = hectares === null ? `${pixels.toLocaleString("en")} px` : `${rounded(hectares)} ha`;
      byId(`area-${value}`).textContent = `${amount} · ${((100 * pixels) / total).toFixed(1)} %`;
      byId(`bar-${value}`).style.width = `${(100 * pixels) / total}%`;
    }
    byId("counted").textContent = !told.classes.length
      ? "zoom in to count"
      : `On screen, by ${told.exact ? "counting every pixel" : "an overview"}.`;
  }
}

/** An area, readable. */
const rounded = (n) => n.toLocaleString("en", n >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
