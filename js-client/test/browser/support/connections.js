// The connections of a page.

/**
 * Runs in a page before its scripts. Provides `connections`, all that it makes; `connection`, the one of a call of two; and
 * `loseForAMoment`: the browser says that its route is lost, and it is back by then.
 */
export function keepConnections() {
  window.connections = [];
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...options) {
      super(...options);
      window.connections.push(this);
    }
  };
  window.connection = () => window.connections.find(({ connectionState }) => connectionState === 'connected');
  window.loseForAMoment = () => {
    const connection = window.connection();
    const says = (state) => {
      Object.defineProperty(connection, 'connectionState', { value: state, configurable: true });
      connection.dispatchEvent(new Event('connectionstatechange'));
      delete connection.connectionState;
    };
    says('disconnected');
    // Without it, the page waits for some time before it looks for another route.
    window.dispatchEvent(new Event('online'));
    says('connected');
  };
}
