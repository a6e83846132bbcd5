// What lies where one clicks: class, confidence, probabilities, bands, the place, and the polygon with its outline.

import { asker, byId, make, swatch } from "./dom.js";
import { latLng } from "./stage.js";

const MARK = { radius: 6, color: "#000", weight: 2, fillColor: "#fff", fillOpacity: 0.9, interactive: false };
const OUTLINE = { color: "#00e5ff", weight: 3, fill: false, interactive: false };

export class Here {
  constructor(state, stage) {
    this.state = state;
    this.stage = stage;
    this.ask = asker();
    this.marks = L.layerGroup().addTo(stage.map);
    stage.map.on("click", ({ latlng }) => this.tell(Math.floor(-latlng.lat), Math.floor(latlng.lng)));
  }

  /** Ask for what lies in the middle of the map. */
  middle() {
    const { lat, lng } = this.stage.map.getCenter();
    this.tell(Math.floor(-lat), Math.floor(lng));
  }

  async tell(row, col) {
    const { height, width } = this.state.facts;
    if (row < 0 || col < 0 || row >= height || col >= width) return;
    const told = await this.ask(`at?row=${row}&col=${col}`);
    this.marks.clearLayers();
    if (told.error) return void byId("at").replaceChildren(make("p", {}, told.error));
    for (const shape of told.polygons) {
      L.geoJSON(shape, { coordsToLatLng: ([x, y]) => latLng(y, x), style: OUTLINE }).addTo(this.marks);
    }
    L.circleMarker(latLng(row + 0.5, col + 0.5), MARK).addTo(this.marks);
    byId("at").replaceChildren(
      ...told.layers.filter((l) => l.kind === "classes").map(mapped),
      table([
        ...told.layers.filter((l) => l.kind === "shade").map((l) => [l.title, percent(l.percent)]),
        ...placed(told),
      ]),
      ...told.polygons.map((shape) =>
        folded(shape.title === "polygons" ? "Polygon" : shape.title, true, table(Object.entries(shape.properties))),
      ),
      ...told.layers.filter((l) => l.kind === "scene").map((l) => folded(`Bands of ${l.title}`, false, table(l.bands))),
    );
  }
}

/** The class at a pixel of a map. */
function mapped(layer) {
  const what = layer.value === null ? "no data" : (layer.name ?? `value ${layer.value}`);
  const sure = layer.confidence === undefined ? "" : ` · ${percent(layer.confidence)}`;
  const head = make(
    "p",
    { class: "found" },
    make("span", { class: "quiet" }, `${layer.title} `),
    swatch(layer.colour ?? "transparent"),
    make("strong", {}, what.replaceAll("_", " ")),
    sure,
  );
  const likely = (layer.probabilities ?? []).map(([name, p]) => [name, percent(p)]);
  return likely.length ? make("div", {}, head, folded("Probabilities", true, table(likely))) : head;
}

function placed({ row, col, place }) {
  const rows = [["pixel", `column ${col}, row ${row}`]];
  if (place?.lon !== undefined) rows.push(["lon, lat", `${place.lon.toFixed(6)}, ${place.lat.toFixed(6)}`]);
  if (place) rows.push(["x, y", `${tidy(place.x)}, ${tidy(place.y)}`]);
  return rows;
}

const percent = (n) => (n === null ? "no data" : `${n} %`);
const tidy = (value) => (typeof value === "number" ? String(+value.toFixed(Math.abs(value) < 1000 ? 5 : 2)) : String(value ?? "–"));
const table = (rows) =>
  make("table", {}, ...rows.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name.replaceAll("_", " ")), make("td", {}, tidy(value)))));
const folded = (title, open, content) => make("details", { open }, make("summary", {}, title), content);
