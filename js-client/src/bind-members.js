// Objects that can be read through a proxy.

/**
 * Gives an object its methods and getters once more, bound to itself.
 *
 * Frameworks (Vue, MobX, …) put a `Proxy` before the objects that they are given. Private fields and the browser's own
 * methods throw where `this` is one. Methods that were taken off the object (`const { leave } = room`) work, too.
 *
 * What a subclass overrides is found first. The properties are not enumerable, and can be replaced, as those of a class.
 *
 * @param {object} self
 */
export function bindMembers(self) {
  let members = Object.getPrototypeOf(self);
  // The last one is `Object.prototype`.
  for (let next; (next = Object.getPrototypeOf(members)) !== null; members = next) {
    for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(members))) {
      if (name === 'constructor' || Object.hasOwn(self, name)) continue;
      for (const part of /** @type {const} */ (['get', 'set', 'value'])) {
        if (typeof member[part] === 'function') member[part] = member[part].bind(self);
      }
      Object.defineProperty(self, name, { ...member, enumerable: false });
    }
  }
}
