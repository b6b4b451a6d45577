//! The images in `docker/`: that their files parse, that every `pkgsrv` command in them is one, and that they are made
//! of the same as the provider `debian`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use parse_dockerfile::{Dockerfile, HealthcheckArguments, Instruction};
use saphyr::{LoadableYamlNode as _, Yaml};

const DOCKERFILES: [&str; 2] = ["server.Dockerfile", "builder.Dockerfile"];

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parsed(text: &str) -> Dockerfile<'_> {
    parse_dockerfile::parse(text).unwrap()
}

/// What the program prints for these arguments; it must accept them.
fn pkgsrv(arguments: &[impl AsRef<str>]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_pkgsrv")).env_clear().args(&arguments).output().unwrap();
    assert!(output.status.success(), "pkgsrv {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the program's parser accepts a command, up to what is left for people to add: the help that is asked for at
/// its end is printed only if everything before it is understood.
fn assert_accepted(command: &[String]) {
    pkgsrv(&[command, &["--help".to_owned()]].concat());
}

/// The `pkgsrv` commands in a line for a shell, without the program's name.
fn commands_in(shell: &str) -> Vec<Vec<String>> {
    let separators = ["$(", ")", "&&", "||", ";", "|", "\"", "'", "`"];
    let line = separators.iter().fold(shell.replace("\\\n", " "), |line, separator| line.replace(separator, "\n"));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    line.lines()
        .map(words)
        .filter(|words| words.first().is_some_and(|word| word == "pkgsrv"))
        .map(|mut words| words.split_off(1))
        .collect()
}

/// The words of an instruction in its JSON form.
fn exec(command: &parse_dockerfile::Command<'_>) -> Vec<String> {
    match command {
        parse_dockerfile::Command::Exec(words) => words.value.iter().map(|word| word.value.to_string()).collect(),
        parse_dockerfile::Command::Shell(line) => panic!("expected the JSON form, found {:?}", line.value),
        other => panic!("expected the JSON form, found {other:?}"),
    }
}

fn shell(command: &parse_dockerfile::Command<'_>) -> String {
    match command {
        parse_dockerfile::Command::Shell(line) => line.value.to_string(),
        other => panic!("expected a line for the shell, found {other:?}"),
    }
}

fn run_lines(dockerfile: &Dockerfile<'_>) -> Vec<String> {
    let runs = dockerfile.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::Run(run) => Some(shell(&run.arguments)),
        _ => None,
    });
    runs.collect()
}

#[test]
fn commands_are_found_in_lines_for_a_shell() {
    let found = commands_in(
        "test \"$(pkgsrv toolchain packages --suite)\" \\\n && apt-get install $(pkgsrv x) && chown pkgsrv a",
    );
    assert_eq!(found, [vec!["toolchain", "packages", "--suite"], vec!["x"]]);
}

#[test]
fn every_command_of_the_images_is_one() {
    for name in DOCKERFILES {
        let text = text(name);
        let dockerfile = parsed(&text);
        for command in run_lines(&dockerfile).iter().flat_map(|line| commands_in(line)) {
            assert_accepted(&command);
        }
        let (mut entrypoint, mut command) = (Vec::new(), Vec::new());
        for instruction in &dockerfile.instructions {
            match instruction {
                Instruction::Entrypoint(found) => entrypoint = exec(&found.arguments),
                Instruction::Cmd(found) => command = exec(&found.arguments),
                _ => {}
            }
        }
        assert_eq!(entrypoint, ["pkgsrv"], "{name}");
        assert_accepted(&command);
    }
}

#[test]
fn every_variable_of_the_images_is_one() {
    let commands = [&["up"][..], &["build"], &["serve"], &["publish"], &["toolchain", "install"]];
    let help: String = commands.iter().map(|command| pkgsrv(&[*command, &["--help"]].concat())).collect();
    let mut names = BTreeSet::new();
    for text in DOCKERFILES.map(text).into_iter().chain([text("README.md"), text("compose.yaml")]) {
        let is_name = |character: char| character.is_ascii_uppercase() || character == '_';
        let words = text.split(|character| !is_name(character)).filter(|word| word.starts_with("PKGSRV_"));
        names.extend(words.map(str::to_owned));
    }
    assert!(names.contains("PKGSRV_DATA"), "{names:?}");
    for name in names {
        assert!(help.contains(&format!("[env: {name}=")), "no command reads {name}");
    }
}

#[test]
fn the_builder_is_made_of_what_the_provider_debian_is_made_of() {
    let text = text("builder.Dockerfile");
    let dockerfile = parsed(&text);
    let suite = pkgsrv(&["toolchain", "packages", "--suite"]);
    let base = format!("DEBIAN=debian:{}-slim", suite.trim());
    let arguments: Vec<&str> = dockerfile.global_args().map(|argument| argument.arguments.value.as_ref()).collect();
    assert!(arguments.contains(&base.as_str()), "{arguments:?} should have {base}");
    let installs: Vec<String> = run_lines(&dockerfile).into_iter().filter(|line| line.contains("$(pkgsrv")).collect();
    let [install] = installs.as_slice() else { panic!("expected one installation, found {installs:?}") };
    let packages = ["toolchain", "packages"].map(str::to_owned);
    assert!(commands_in(install).iter().any(|command| *command == packages), "{install}");
    let system = ["toolchain", "install", "--provider", "system"].map(str::to_owned);
    let commands: Vec<_> = run_lines(&dockerfile).iter().flat_map(|line| commands_in(line)).collect();
    assert!(commands.iter().any(|command| *command == system), "{commands:?}");
    insta::assert_snapshot!("debian_packages", pkgsrv(&["toolchain", "packages"]));
}

#[test]
fn both_images_compile_the_program_alike() {
    let [server, builder] = DOCKERFILES.map(|name| {
        let text = text(name);
        let stage = text.split("\nFROM ").nth(1).map(str::to_owned);
        stage.unwrap_or_else(|| panic!("{name} has no stage"))
    });
    assert!(server.contains("AS program"), "{server}");
    assert_eq!(server, builder);
}

#[test]
fn the_servers_health_is_asked_for_at_its_port() {
    let text = text("server.Dockerfile");
    let dockerfile = parsed(&text);
    let asked = dockerfile.instructions.iter().find_map(|instruction| match instruction {
        Instruction::Healthcheck(check) => match &check.arguments {
            HealthcheckArguments::Cmd { arguments, .. } => Some(exec(arguments).join(" ")),
            _ => None,
        },
        _ => None,
    });
    let asked = asked.expect("a health check");
    assert!(asked.contains("/dev/tcp/127.0.0.1/8417") && asked.contains("GET /healthz HTTP/1.1"), "{asked}");
    assert!(text.contains("\nEXPOSE 8417 8418\n") && text.contains("\"0.0.0.0:8417\""), "{text}");
}

#[test]
fn the_compose_file_fits_the_images() {
    let text = text("compose.yaml");
    let documents = Yaml::load_from_str(&text).unwrap();
    let [compose] = documents.as_slice() else { panic!("expected one document") };
    let strings = |node: &Yaml<'_>| -> Vec<String> {
        node.as_sequence().expect("a list").iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
    };
    let volumes: BTreeSet<String> =
        compose["volumes"].as_mapping().unwrap().keys().map(|name| name.as_str().unwrap().to_owned()).collect();
    for (service, dockerfile) in ["server", "builder"].into_iter().zip(DOCKERFILES) {
        let service = &compose["services"][service];
        assert_eq!(service["build"]["context"].as_str(), Some(".."));
        assert_eq!(service["build"]["dockerfile"].as_str(), Some(format!("docker/{dockerfile}").as_str()));
        for volume in strings(&service["volumes"]) {
            let from = volume.split(':').next().unwrap();
            assert!(from.starts_with("../") || volumes.contains(from), "{volume}");
        }
    }
    assert_accepted(&strings(&compose["services"]["builder"]["command"]));
    let ports = strings(&compose["services"]["server"]["ports"]);
    assert_eq!(ports, ["127.0.0.1:8417:8417", "127.0.0.1:8418:8418"], "the server and the prompt");
    // What the sandbox inside of the builder's container takes, and the server does not get.
    let options = ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"];
    let of = |service: &str| strings(&compose["services"][service]["security_opt"]);
    assert!(options.iter().all(|option| of("builder").iter().any(|found| found == option)), "{:?}", of("builder"));
    assert_eq!(of("server"), ["no-new-privileges:true"]);
}

#[test]
fn the_commands_of_the_readme_are_some() {
    let text = text("README.md").replace("\\\n", " ");
    let mut count = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let image = |word: &&str| ["builder", "pkgsrv-builder"].contains(word);
        let Some(place) = words.iter().position(image).filter(|_| words.contains(&"run")) else { continue };
        assert_accepted(&words[place + 1..].iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        count += 1;
    }
    assert_eq!(count, 2, "{text}");
    for command in commands_in(&text) {
        assert_accepted(&command);
    }
}
