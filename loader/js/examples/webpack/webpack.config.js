export default {
  mode: "production",
  entry: "./main.js",
  // Core and resolver of the loader are 0.3 and 0.4 MB, 0.1 MB each as servers send them; webpack warns of more than 0.25 MB.
  performance: { maxAssetSize: 1e6, maxEntrypointSize: 1e6 },
};
