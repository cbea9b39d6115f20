// The stage: all tiles, arranged to fill it.

import { byId } from './dom.js';
import { oncePerFrame } from './frame.js';
import { arrange } from './grid.js';
import { Tile } from './tile.js';

/** Tiles by key: a peer id, or SELF. Order is that of adding, the own tile last. */
export class Tiles {
  #stage = byId('stage');
  #tiles = new Map();
  #pinned = null;
  #layOut = oncePerFrame(() => this.#place());
  #observer = new ResizeObserver(this.#layOut);
  #unblock = byId('unblock');

  constructor(signal) {
    this.#observer.observe(this.#stage);
    this.#unblock.hidden = true;
    this.#unblock.addEventListener('click', () => this.#unblockAll(), { signal });
    signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  get(key) {
    return this.#tiles.get(key);
  }

  has(key) {
    return this.#tiles.has(key);
  }

  /** How many there are, with the own one. */
  get size() {
    return this.#tiles.size;
  }

  add(key) {
    const tile = new Tile(key === SELF ? null : key, { onPin: () => this.#togglePin(key) });
    this.#tiles.set(key, tile);
    const self = this.#tiles.get(SELF);
    // The own tile stays last, in the document as on the stage.
    if (key === SELF || self === undefined) this.#stage.append(tile.element);
    else this.#stage.insertBefore(tile.element, self.element);
    this.#layOut();
    return tile;
  }

  remove(key) {
    const tile = this.#tiles.get(key);
    if (tile === undefined) return;
    this.#tiles.delete(key);
    if (this.#pinned === key) this.#pinned = null;
    tile.clear();
    tile.element.remove();
    this.#layOut();
  }

  update(key, person) {
    const tile = this.#tiles.get(key);
    if (tile === undefined) return;
    const screen = tile.element.dataset.screen;
    tile.update(person);
    if (screen !== tile.element.dataset.screen) this.#layOut();
  }

  /** Plays a stream on a tile; offers a button when the browser wants a click first. */
  async play(key, stream) {
    const tile = this.#tiles.get(key);
    if ((await tile?.play(stream)) === 'blocked') this.#unblock.hidden = false;
  }

  #togglePin(key) {
    this.#pinned = this.#pinned === key ? null : key;
    for (const [other, tile] of this.#tiles) tile.setPinned(other === this.#pinned);
    this.#layOut();
  }

  /** The tile to show large: the pinned one, or else somebody's screen. Not the own one: a hall of mirrors. */
  #featured() {
    if (this.#pinned !== null) return this.#pinned;
    for (const [key, tile] of this.#tiles) {
      if (key !== SELF && tile.element.dataset.screen === 'on') return key;
    }
    return null;
  }

  #place() {
    if (this.#tiles.size === 0) return;
    const style = getComputedStyle(this.#stage);
    const padding = { left: parseFloat(style.paddingLeft), top: parseFloat(style.paddingTop) };
    const width = this.#stage.clientWidth - padding.left - parseFloat(style.paddingRight);
    const height = this.#stage.clientHeight - padding.top - parseFloat(style.paddingBottom);
    const keys = [...this.#tiles.keys()].filter((key) => key !== SELF);
    if (this.#tiles.has(SELF)) keys.push(SELF);

    const featured = this.#featured();
    const count = keys.length;
    const places = arrange({ width, height, count, gap: GAP, featured: keys.indexOf(featured) });
    places.forEach((place, index) => {
      const tile = this.#tiles.get(keys[index]);
      tile.moveTo({ ...place, x: place.x + padding.left, y: place.y + padding.top });
      tile.setFeatured(keys[index] === featured);
    });
    this.#stage.dataset.count = String(count);
  }

  async #unblockAll() {
    this.#unblock.hidden = true;
    await Promise.all(Array.from(this.#tiles.values(), (tile) => tile.unblock()));
  }

  #close() {
    this.#observer.disconnect();
    for (const key of [...this.#tiles.keys()]) this.remove(key);
  }
}

export const SELF = Symbol('the own tile');
const GAP = 10;
