export default {
  mode: "production",
  entry: "./main.js",
  // The loader's core is 0.6 MB, 0.16 MB as servers send it; webpack warns of more than 0.25 MB.
  performance: { maxAssetSize: 1e6, maxEntrypointSize: 1e6 },
};
