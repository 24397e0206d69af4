/** What a transport tells of a connection. */
export interface Handlers {
  open(): void;
  message(text: string): void;
  /** It is over, or never came to be. 0 where the host does not tell the code. */
  closed(code: number, reason: string): void;
}

/** A connection, from the moment when it is asked for. */
export interface Link {
  send(text: string): void;
  close(): void;
}

/** A way to the server: a browser's WebSocket, a mini-program's socket task, a test's. */
export interface Transport {
  connect(url: string, to: Handlers): Link;
}

/** As much of a WebSocket as is needed here; those of browsers, of Node and of the package `ws` have it. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
}

/** Over WebSockets: the global one, or one that is passed where there is none (Node before 22). */
export function webSockets(constructor?: new (url: string) => Socket): Transport {
  return {
    connect(url, to) {
      const Made =
        constructor ?? (globalThis.WebSocket as unknown as new (url: string) => Socket | undefined);
      if (!Made) throw new Error('there is no WebSocket here: pass one, as of the package "ws"');
      const socket = new Made(url) as Socket;
      socket.onopen = () => to.open();
      socket.onmessage = ({ data }: { data: unknown }) => to.message(String(data));
      socket.onclose = ({ code, reason }: { code: number; reason: unknown }) =>
        to.closed(code, String(reason ?? ''));
      // A close follows; without a handler some hosts end the program.
      socket.onerror = () => undefined;
      return { send: (text) => socket.send(text), close: () => socket.close() };
    },
  };
}
