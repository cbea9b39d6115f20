// A site with the PeerJS server.

import { ExpressPeerServer } from 'peer';

import { listen, site } from './site.js';

const { app, server } = site();
app.use('/', ExpressPeerServer(server, { path: '/' }));
listen(server);
