import { defineConfig } from "vite";

// Not @preact/preset-vite: it needs Babel, which nothing else here does.
export default defineConfig({
  base: "/ui/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: process.env.UI_OUT ?? "../src/jobpool/ui/dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // the policy of the page allows no data: addresses
    reportCompressedSize: false,
  },
  server: { proxy: { "/v3": "http://127.0.0.1:2379" } },
});
