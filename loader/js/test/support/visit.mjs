// A program that fetches ahead and prints what came of it: `node visit.mjs '{"repodata": …, "packages": […]}'`.
const { prefetch } = await import(new URL("../../dist/index.js", import.meta.url).href);
const log = [];
const { packages, kept } = await prefetch({ ...JSON.parse(process.argv[2]), log: (line) => log.push(line) });
console.log(JSON.stringify({ names: packages.map(({ name }) => name), kept, log }));
