// Elements made from values; text stays text, whatever a file says.

/** The element called `id`. */
export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `onclick`, `value` ...; `aria-...` as attributes) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "for") element.setAttribute(name, value);
    else element[name === "class" ? "className" : name] = value;
  }
  element.append(...children);
  return element;
}

/** A small square of a colour. */
export function swatch(colour) {
  const element = make("span", { class: "swatch", "aria-hidden": "true" });
  element.style.backgroundColor = colour;
  return element;
}

/** `action`, `ms` after the last time it was asked for. */
export function later(ms, action) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), ms);
  };
}

/** Asks the server; an answer that is overtaken by a newer question never comes. */
export function asker() {
  let last;
  return async (address) => {
    last?.abort();
    const mine = (last = new AbortController());
    try {
      const answer = await fetch(address, { signal: mine.signal });
      const told = await answer.json().catch(() => ({}));
      return answer.ok ? told : { error: told.error ?? `the server answers ${answer.status}` };
    } catch (error) {
      if (mine.signal.aborted) return new Promise(() => {});
      return { error: "geoglm view is not running any more" };
    }
  };
}
