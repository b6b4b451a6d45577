//! A hundred publishes of the real program, killed at random moments, while a client reads from a real server.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pkgsrv::Store;

use crate::fixture::Fixture;
use crate::wheels::wheel;
use crate::write_sequence::whole;

const KILLS: u32 = 100;

/// Wheels of one publish.
const WHEELS: u32 = 4;

/// Numbers that look random, the same for the same seed.
struct Random(u64);

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        // Xorshift; zero would stay zero.
        let mut state = self.0.max(1);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0 = state;
        u32::try_from((state >> 16) % u64::from(end.max(1))).unwrap()
    }
}

fn seed() -> u64 {
    if let Ok(seed) = std::env::var("PKGSRV_TEST_SEED") {
        return seed.parse().expect("PKGSRV_TEST_SEED is a number");
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()) | 1
}

fn program(fixture: &Fixture) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pkgsrv"));
    command.env_clear().env("PKGSRV_DATA", fixture.path()).current_dir(fixture.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ends a child with the test, whatever way it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

fn serve(fixture: &Fixture) -> (Running, String) {
    let mut server = program(fixture).args(["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
    (Running(server), address)
}

/// Writes the wheels of one publish; returns their paths.
fn wheels(fixture: &Fixture, round: u32) -> Vec<PathBuf> {
    let of = |number: u32| {
        let upload = wheel(&format!("package{number}-{round}.0-py3-none-any.whl"), "");
        fixture.file(&format!("wheels/{}", upload.filename), &upload.bytes)
    };
    (0..WHEELS).map(of).collect()
}

fn publish(fixture: &Fixture, wheels: &[PathBuf]) -> Command {
    let mut command = program(fixture);
    // Imports take seconds in which nothing is written; what is written is the same without them.
    command.args(["publish", "--no-import"]).args(wheels);
    command
}

/// Files of the store, the lock aside.
fn files(store: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut pending = vec![store.to_owned()];
    while let Some(directory) = pending.pop() {
        // What a publish removes meanwhile is not there.
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if entry.file_name() != "publish.lock" {
                found.insert(path);
            }
        }
    }
    found
}

fn get(address: &str, path: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let accept = "application/vnd.pypi.simple.v1+json, */*;q=0.1";
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer.split_off(end + 4))
}

/// All entries below a node of the repodata.
fn repodata(address: &str, sha256: &str) -> serde_json::Map<String, serde_json::Value> {
    let (status, node) = get(address, &format!("/repodata/2026_0/{sha256}.json"));
    assert_eq!((status, pkgsrv::digest_of(&node).to_string().as_str()), (200, sha256));
    let mut node: serde_json::Value = serde_json::from_slice(&node).unwrap();
    if let Some(leaf) = node["leaf"].as_object_mut() {
        return std::mem::take(leaf);
    }
    let children = node["branch"].as_object().unwrap().values();
    children.flat_map(|child| repodata(address, child["sha256"].as_str().unwrap())).collect()
}

/// Reads what a client reads, from the head to the wheels; returns how often the channel was found whole.
fn read_until(stop: &AtomicBool, address: &str) -> u32 {
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let mut verified = BTreeSet::new();
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        let (status, head) = get(address, "/repodata/2026_0/head.json");
        if status == 404 {
            continue;
        }
        assert_eq!(status, 200);
        for (name, releases) in repodata(address, json(&head)["repodata"]["sha256"].as_str().unwrap()) {
            for release in releases.as_array().unwrap() {
                let (sha256, filename) = (release["sha256"].as_str().unwrap(), release["filename"].as_str().unwrap());
                if verified.insert(sha256.to_owned()) {
                    let (status, wheel) = get(address, &format!("/blobs/{sha256}/{filename}"));
                    assert_eq!((status, pkgsrv::digest_of(&wheel).to_string()), (200, sha256.to_owned()));
                }
            }
            let (status, page) = get(address, &format!("/simple/{name}/"));
            assert_eq!(status, 200);
            assert!(json(&page)["files"].as_array().unwrap().len() >= releases.as_array().unwrap().len());
        }
        let (status, lock) = get(address, "/pyodide/2026_0/pyodide-lock.json");
        assert_eq!((status, json(&lock)["info"]["abi_version"].as_str()), (200, Some("2026_0")));
        rounds += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    rounds
}

/// Waits for the moment of a kill: some time, or until the publish has made so many files. It may end before.
fn wait_for_the_moment(child: &mut Child, random: &mut Random, store: &Path, whole_publish: Duration, made: u32) {
    let micros = u32::try_from(whole_publish.as_micros()).unwrap();
    if random.below(2) == 0 {
        std::thread::sleep(Duration::from_micros(u64::from(random.below(micros))));
        return;
    }
    let before = files(store).len();
    let wanted = before + 1 + random.below(made) as usize;
    while files(store).len() < wanted && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn a_hundred_kills_leave_nothing_half_published() {
    let seed = seed();
    println!("PKGSRV_TEST_SEED={seed} repeats these kills");
    let mut random = Random(seed);
    let fixture = Fixture::empty();
    let store = Store::new(fixture.store().root());
    // The first one runs to its end: its time and its files are the measure for the others.
    let begin = Instant::now();
    let output = publish(&fixture, &wheels(&fixture, 0)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let whole_publish = begin.elapsed();
    let made = u32::try_from(files(store.root()).len()).unwrap();
    let (server, address) = serve(&fixture);
    let stop = AtomicBool::new(false);
    let (mut killed_in_writing, mut killed_before, mut ended) = (0, 0, 0);
    let rounds = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(&stop, &address));
        // Should an assertion fail here, the reader must not go on for ever.
        let stopping = StopWhenDropped(&stop);
        for round in 1..=KILLS {
            let published = whole(&store, "main");
            let there = files(store.root());
            let wheels = wheels(&fixture, round);
            let offered = wheels.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
            let after: BTreeSet<String> = published.iter().cloned().chain(offered).collect();
            let mut child = Running(publish(&fixture, &wheels).spawn().unwrap());
            wait_for_the_moment(&mut child.0, &mut random, store.root(), whole_publish, made);
            let _ended_already = child.0.kill();
            let status = child.0.wait().unwrap();
            let found = whole(&store, "main");
            assert!(found == published || found == after, "kill {round} left {found:?}");
            match (status.success(), found == after, files(store.root()) == there) {
                (true, ..) => {
                    assert_eq!(found, after, "publish {round} said that it succeeded");
                    ended += 1;
                }
                (false, false, true) => killed_before += 1,
                (false, ..) => killed_in_writing += 1,
            }
            let lock = File::open(store.root().join("publish.lock")).unwrap();
            assert!(lock.try_lock().is_ok(), "kill {round} left the lock taken");
        }
        drop(stopping);
        reader.join().unwrap()
    });
    drop(server);
    println!(
        "killed before writing: {killed_before}, in writing: {killed_in_writing}; ended before: {ended}; {rounds} reads"
    );
    assert!(killed_in_writing > 0, "no kill hit the writing");
    assert!(rounds > 0, "nobody read");
    // And the next publish succeeds, and removes what the killed ones left.
    let wheels = wheels(&fixture, KILLS);
    let output = publish(&fixture, &wheels).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = whole(&store, "main");
    assert!(wheels.iter().all(|path| found.contains(&*path.file_name().unwrap().to_string_lossy())));
    let litter: Vec<PathBuf> = files(&store.root().join("staging")).into_iter().collect();
    assert!(litter.is_empty(), "{litter:?}");
}

struct StopWhenDropped<'a>(&'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
