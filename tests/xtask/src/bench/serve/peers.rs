//! Other servers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Place;
use super::process::{Running, free_port};
use crate::command::{prepare, recreate};

/// What pip installs; the index that pip is set up with has them.
const PACKAGES: &[&str] = &["devpi-server==6.20.0", "devpi-client==7.2.0", "pypiserver==2.4.1"];

/// nginx with one worker per core, as our server has threads, and what operators turn on.
const NGINX: &str = "\
daemon off;
worker_processes auto;
pid DIRECTORY/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=1000;
    default_type application/vnd.pypi.simple.v1+json;
    client_body_temp_path DIRECTORY/body;
    proxy_temp_path DIRECTORY/proxy;
    fastcgi_temp_path DIRECTORY/fastcgi;
    uwsgi_temp_path DIRECTORY/uwsgi;
    scgi_temp_path DIRECTORY/scgi;
    server { listen 127.0.0.1:PORT; root DIRECTORY/files; }
}
";

/// nginx with these files, by their names.
pub(super) fn nginx(place: &Place, files: &[(&str, &[u8])]) -> Result<Running> {
    let directory = place.empty("nginx")?;
    recreate(&directory.join("files"))?;
    for (name, bytes) in files {
        fs::write(directory.join("files").join(name), bytes)?;
    }
    let port = free_port()?;
    let text = NGINX.replace("DIRECTORY", &directory.to_string_lossy()).replace("PORT", &port.to_string());
    let path = directory.join("nginx.conf");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = Command::new("nginx");
    Running::start(command.arg("-p").arg(&directory).arg("-c").arg(&path), port)
}

/// The Python servers, installed.
pub(super) struct PythonServers {
    environment: PathBuf,
}

impl PythonServers {
    pub(super) fn install(place: &Place) -> Result<Self> {
        let environment = place.directory.join("python-servers");
        if !environment.join("bin/pypi-server").is_file() || !environment.join("bin/devpi").is_file() {
            recreate(&environment)?;
            prepare(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
            let mut pip = Command::new(environment.join("bin/python"));
            prepare(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES))?;
        }
        Ok(Self { environment })
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.environment.join("bin").join(name))
    }

    /// pypiserver with the wheels of a directory.
    pub(super) fn pypiserver(&self, wheels: &Path) -> Result<Running> {
        let port = free_port()?;
        let mut command = self.program("pypi-server");
        command.args(["run", "--interface", "127.0.0.1", "--port", &port.to_string(), "--disable-fallback"]);
        Running::start(command.arg(wheels), port)
    }

    /// devpi with the wheels of a directory in the index `bench/main`.
    pub(super) fn devpi(&self, place: &Place, wheels: &Path) -> Result<Running> {
        let directory = place.empty("devpi")?;
        let (state, client) = (directory.join("server"), directory.join("client"));
        prepare(self.program("devpi-init").arg("--serverdir").arg(&state).arg("--no-root-pypi"))?;
        let port = free_port()?;
        let mut command = self.program("devpi-server");
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--serverdir"]);
        let running = Running::start(command.arg(&state), port)?;
        let devpi = |arguments: &[&str]| {
            let mut command = self.program("devpi");
            prepare(command.args(arguments).arg("--clientdir").arg(&client))
        };
        devpi(&["use", &running.base])?;
        devpi(&["user", "-c", "bench", "password=bench"])?;
        devpi(&["login", "bench", "--password=bench"])?;
        devpi(&["index", "-c", "main", "bases="])?;
        devpi(&["use", "bench/main"])?;
        devpi(&["upload", "--from-dir", &wheels.to_string_lossy()])?;
        Ok(running)
    }
}
