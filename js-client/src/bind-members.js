// Objects that can be read through a proxy.

/**
 * Gives an object its methods and getters once more, bound to itself.
 *
 * Frameworks (Vue, MobX, …) put a `Proxy` before the objects that they are given. Private fields and the browser's own
 * methods throw where `this` is one. Methods that were taken off the object (`const { leave } = room`) work, too.
 *
 * What a subclass overrides is found first. The properties are not enumerable, and can be replaced.
 *
 * @param {object} self
 */
export function bindMembers(self) {
  let members = Object.getPrototypeOf(self);
  // The last one is `Object.prototype`.
  for (let next; (next = Object.getPrototypeOf(members)) !== null; members = next) {
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(members))) {
      if (name === 'constructor' || Object.hasOwn(self, name)) continue;
      if (get !== undefined) Object.defineProperty(self, name, { configurable: true, get: get.bind(self) });
      else if (typeof value === 'function') {
        Object.defineProperty(self, name, { configurable: true, writable: true, value: value.bind(self) });
      }
    }
  }
}
