// Workers are scripts without modules by default.
export default { worker: { format: "es" } };
