//! `cargo xtask docker`: builds both images by buildah, which takes the same files as Docker and needs no service, and
//! runs what can be run without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::apt;
use crate::command::prepare;
use crate::loader;

/// Options of `cargo xtask docker`.
#[derive(Debug, Default, Args)]
pub struct DockerArguments {
    /// Base image with Rust, instead of the one that the Dockerfiles name.
    #[arg(long, value_name = "IMAGE")]
    rust: Option<String>,
    /// Makes the Debian base images by mmdebstrap, where no registry of images can be reached.
    #[arg(long)]
    bootstrap: bool,
    /// What the machine's network settings take inside, such as certificates; may be repeated.
    #[arg(long = "volume", value_name = "FROM:TO")]
    volumes: Vec<String>,
}

/// What is built: the image, its Debian suite, a command inside, and what it must print.
const IMAGES: [(&str, &str, &[&str], &str); 2] = [
    ("server", "trixie", &["pkgsrv", "serve", "--help"], "Serve published packages over HTTP"),
    ("builder", "forky", &["pkgsrv", "toolchain", "list"], "system-"),
];

/// Builds the images and runs the program in each. The builder's must have the toolchain, whole and unchanged.
pub fn check(arguments: &DockerArguments) -> Result<()> {
    apt::ensure_programs(&[("buildah", "buildah")])?;
    let storage = Storage::at(&loader::root()?)?;
    for (name, suite, command, expected) in IMAGES {
        let base = if arguments.bootstrap { Some(storage.bootstrap(suite)?) } else { None };
        storage.build(name, base.as_deref(), arguments)?;
        let printed = storage.run(name, command)?;
        ensure!(
            printed.contains(expected) && !printed.contains("unusable"),
            "the image {name} printed for {command:?}:\n{printed}\nexpected {expected:?}"
        );
        eprintln!("docker: the image {name} runs");
    }
    Ok(())
}

/// Images of our own, apart from the machine's.
struct Storage {
    root: PathBuf,
    directory: PathBuf,
}

impl Storage {
    fn at(root: &Path) -> Result<Self> {
        let directory = root.join("target/docker");
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self { root: root.to_owned(), directory })
    }

    fn buildah(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.directory.join("storage")).arg("--runroot").arg(self.directory.join("run"));
        command.args(arguments).current_dir(&self.root);
        command
    }

    fn build(&self, name: &str, base: Option<&str>, arguments: &DockerArguments) -> Result<()> {
        // Docker's format: the other one has no health checks.
        let mut command = self.buildah(&["build", "--format=docker", "--layers", "--isolation=chroot"]);
        command.args(["--network=host", "--file", &format!("docker/{name}.Dockerfile"), "--tag", &image(name)]);
        let bases = [("RUST", arguments.rust.as_deref()), ("DEBIAN", base)];
        for (argument, image) in bases.into_iter().filter_map(|(argument, image)| Some((argument, image?))) {
            command.arg(format!("--build-arg={argument}={image}"));
        }
        command.args(arguments.volumes.iter().map(|volume| format!("--volume={volume}")));
        prepare(command.arg("."))
    }

    /// What a command prints in a container of an image.
    fn run(&self, name: &str, command: &[&str]) -> Result<String> {
        let container = output(&mut self.buildah(&["from", &image(name)]))?;
        let printed = output(self.buildah(&["run", "--isolation=chroot", container.trim(), "--"]).args(command));
        output(&mut self.buildah(&["rm", container.trim()]))?;
        printed
    }

    /// A base image of a Debian suite; returns its name.
    fn bootstrap(&self, suite: &str) -> Result<String> {
        let image = format!("localhost/debian:{suite}");
        if output(&mut self.buildah(&["inspect", "--type=image", &image])).is_ok() {
            return Ok(image);
        }
        apt::ensure_programs(&[("mmdebstrap", "mmdebstrap")])?;
        let archive = self.directory.join(format!("{suite}.tar"));
        // A testing suite's Release file may be past its date; signatures are checked all the same.
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap.args(["--variant=minbase", "--aptopt=Acquire::Check-Valid-Until \"false\"", suite]).arg(&archive);
        prepare(&mut mmdebstrap)?;
        let container = output(&mut self.buildah(&["from", "scratch"]))?;
        prepare(self.buildah(&["add", container.trim()]).arg(&archive).arg("/"))?;
        prepare(&mut self.buildah(&["commit", "--rm", container.trim(), &image]))?;
        fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
        Ok(image)
    }
}

fn image(name: &str) -> String {
    format!("localhost/pkgsrv-{name}")
}

/// What a command prints; its standard error is ours.
fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start `{shown}`; is the program installed?"))?;
    ensure!(output.status.success(), "`{shown}` failed ({})", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
