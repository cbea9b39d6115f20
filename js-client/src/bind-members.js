// Methods and getters that work through a Proxy.

/**
 * Redefines an object's methods and getters on the object itself, bound to it.
 *
 * Frameworks (Vue, MobX, …) wrap objects in a `Proxy`. Private fields and the browser's own methods throw if `this` is a
 * proxy. Detached methods (`const { leave } = room`) work, too.
 *
 * Overrides of a subclass take precedence. The properties are not enumerable, and are writable, like those of a class.
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
