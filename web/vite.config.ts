import { defineConfig } from 'vitest/config';

// The server to develop against: `npm run dev` sends to it what is not part of the page.
const server = 'http://127.0.0.1:8080';

// WeChat's web-view on older phones is the floor, and what it cannot parse it shows as a blank page.
const target = ['es2020', 'chrome87', 'safari14'];

const page = defineConfig({
  build: {
    target,
    // The policy that the server sends allows files only, so nothing small is turned into a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': server,
      '/chat': { target: server, ws: true },
      '^/[^@]+[.]flv': { target: server, ws: true },
      // The page's own sources end in .ts as well.
      '^/(?!src/|node_modules/|@)[^?]+[.](m3u8|m4s|mp4|ts|jpg|vtt)': server,
    },
  },
  test: { include: ['src/**/*.test.ts'] },
});

// The chat's client as one file with a name that stays, for pages of others and for Node.
const chat = defineConfig({
  build: {
    target,
    emptyOutDir: false,
    lib: { entry: 'src/chat/index.ts', formats: ['es'], fileName: () => 'weir-chat.js' },
  },
});

export default defineConfig(({ mode }) => (mode === 'chat' ? chat : page));
