// The state of the page as the part of its address after #, and back.

/** The address of a state. */
export function written({ place, shown, layers, opacity, outlines, swipe, hidden, least }) {
  const parts = [];
  if (place) parts.push(["at", place.map((n) => +n.toFixed(1)).join("/")]);
  const on = layers.filter((l) => shown.has(l.key)).map((l) => l.key);
  parts.push(["on", on.join(",")]);
  parts.push(["opacity", layers.map((l) => Math.round(opacity[l.key] * 100)).join(",")]);
  if (outlines.size) parts.push(["outlines", [...outlines].join(",")]);
  if (swipe.on) parts.push(["swipe", [swipe.left, swipe.right, swipe.at.toFixed(3)].join(",")]);
  const groups = Object.entries(hidden).filter(([, values]) => values.size);
  if (groups.length) parts.push(["hide", groups.map(([group, values]) => `${group}:${[...values].join(".")}`).join(",")]);
  if (least) parts.push(["least", least]);
  return parts.map(([name, value]) => `${name}=${value}`).join("&");
}

/** The parts of a state that an address tells; what makes no sense is left out. */
export function parsed(text, { layers, facts, opacity, swipe }) {
  const told = new Map(text.split("&").map((part) => part.split("=", 2)));
  const list = (name) => told.get(name)?.split(",").filter(Boolean);
  const keys = new Set(layers.map((l) => l.key));
  const found = {};
  const place = told.get("at")?.split("/").map(Number);
  if (place?.length === 3 && place.every(Number.isFinite)) found.place = place;
  if (told.has("on")) found.shown = new Set(list("on").filter((key) => keys.has(key)));
  const shares = list("opacity")?.map(Number);
  if (shares?.length === layers.length && shares.every((n) => n >= 0 && n <= 100)) {
    found.opacity = { ...opacity, ...Object.fromEntries(layers.map((l, k) => [l.key, shares[k] / 100])) };
  }
  if (told.has("outlines")) found.outlines = new Set(list("outlines").map(Number).filter((n) => n in facts.polygons));
  const [left, right, at] = list("swipe") ?? [];
  if (keys.has(left) && keys.has(right)) {
    found.swipe = { ...swipe, on: true, left, right, at: Number(at) >= 0 && Number(at) <= 1 ? Number(at) : 0.5 };
  }
  if (told.has("hide")) {
    const groups = list("hide").map((part) => part.split(":", 2));
    found.hidden = Object.fromEntries(groups.map(([g, v]) => [g, new Set((v ?? "").split(".").map(Number))]));
  }
  const least = Number(told.get("least"));
  if (least > 0 && least <= 100) found.least = least;
  return found;
}
