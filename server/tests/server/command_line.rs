//! The program itself: whole output, exit codes, signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;

use crate::fixture::Fixture;
use crate::wheels;

fn program(fixture: &Fixture) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pkgsrv"));
    command.env_clear().env("PKGSRV_DATA", fixture.path()).current_dir(fixture.path());
    command
}

fn shown(output: &Output, fixture: &Fixture) -> String {
    let text = format!(
        "{}\n--- stdout\n{}--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    text.replace(fixture.path().to_str().unwrap(), "[DATA]")
}

#[test]
fn publish_refused() {
    let fixture = Fixture::empty();
    let upload = wheels::native();
    fixture.file(upload.filename.as_str(), &upload.bytes);
    let run = |arguments: &[&str]| shown(&program(&fixture).args(arguments).output().unwrap(), &fixture);
    let native = "native_code-1.2.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
    assert_snapshot!("publish_missing", run(&["publish", "gone-1.0-py3-none-any.whl"]));
    assert_snapshot!("publish_unknown_abi", run(&["publish", native, "--abi", "1999_0"]));
    assert_snapshot!("publish_bad_channel", run(&["publish", native, "--channel", "Up/.."]));
    assert_snapshot!("publish_without_dependency", run(&["publish", native]));
}

/// Without the times, which are those of the test.
fn without_times(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive([' ', '\n', ',', '"']) {
        let is_time = word.len() > 26 && word.as_bytes()[10] == b'T' && word.as_bytes()[26] == b'Z';
        words.push(if is_time { format!("[TIME]{}", &word[27..]) } else { word.to_owned() });
    }
    words.concat()
}

#[test]
fn channels() {
    let fixture = Fixture::published();
    let run = |arguments: &[&str]| {
        let output = program(&fixture).args(arguments).output().unwrap();
        format!("$ pkgsrv {}\n{}", arguments.join(" "), without_times(&shown(&output, &fixture)))
    };
    let session: Vec<String> = [
        &["channel", "list"][..],
        &["channel", "promote", "main", "next", "native-code"],
        &["yank", "helper==1.0", "--reason", "broken"],
        &["yank", "helper==1.0", "--reason", "broken"],
        &["channel", "diff", "next", "main"],
        &["channel", "promote", "main", "next", "--json"],
        &["unyank", "helper==1.0", "--channel", "next", "--abi", "2026_0", "--json"],
        &["channel", "rollback", "main"],
        &["delete", "helper", "--purge"],
        &["delete", "helper==1.0", "--purge", "--channel", "next", "--json"],
        &["channel", "status", "native-code", "archived", "--reason", "use another"],
        &["channel", "diff", "main@1", "main", "--json"],
        &["channel", "list", "--json"],
        &["channel", "rollback", "gone"],
        &["yank", "helper"],
    ]
    .map(&run)
    .to_vec();
    assert_snapshot!(session.join("\n"));
}

#[test]
fn resolve() {
    let fixture = Fixture::published();
    let run = |arguments: &[&str]| shown(&program(&fixture).args(arguments).output().unwrap(), &fixture);
    assert_snapshot!("resolve", run(&["resolve", "native-code"]));
    assert_snapshot!("resolve_json", run(&["resolve", "native-code>=1", "--constraint", "helper<2", "--json"]));
    assert_snapshot!("resolve_no_solution", run(&["resolve", "native-code", "--constraint", "helper>=2"]));
    assert_snapshot!("resolve_nothing_published", run(&["resolve", "helper", "--channel", "next"]));
}

#[test]
fn install() {
    let fixture = Fixture::published();
    let run = |arguments: &[&str]| shown(&program(&fixture).args(arguments).output().unwrap(), &fixture);
    assert_snapshot!("install_refused", run(&["install", "native-code", "--target", "site"]));
    assert_snapshot!("install", run(&["install", "helper", "--target", "site", "--json"]));
    assert_snapshot!("install_nothing_published", run(&["install", "helper", "--target", "a", "--channel", "next"]));
    assert_snapshot!("install_unknown", run(&["install", "helpr", "--target", "a"]));
}

#[test]
fn serve() {
    let fixture = Fixture::published();
    let mut server = program(&fixture)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");

    let taken = program(&fixture).args(["serve", "--listen", &address]).output().unwrap();
    let taken = shown(&taken, &fixture).replace(&address, "[ADDRESS]");
    assert_snapshot!("serve_port_taken", taken);

    let stopped = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(server.wait().unwrap().success());
}
