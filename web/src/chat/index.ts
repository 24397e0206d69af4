/** The client of Weir's chat, for browsers, Node and whatever has a transport. */
export { ChatClient, type Events, type Options, type Status } from './client';
export { systemClock, type Clock } from './clock';
export type * from './frames';
export type { Outgoing } from './outbox';
export { webSockets, type Handlers, type Link, type Socket, type Transport } from './transport';
