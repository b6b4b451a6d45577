//! With real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use pkgsrv::{Server, ServerError};

use crate::fixture::{Fixture, body, request, send};
use crate::wheels::build;

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_until_it_is_told_to_stop() {
    let fixture = Fixture::published();
    let server = Server::bind(fixture.settings()).await.unwrap();
    let address = server.address();
    assert_eq!(server.base_url().as_str(), format!("http://{address}"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move { stopped.await.unwrap() }));
    let request = format!("GET /simple/helper/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = tokio::task::spawn_blocking(move || ask(address, &request)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!("href=\"http://{address}/blobs/")), "{answer}");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

/// Many answers at once to who does not read: each goes out in pieces, from memory and from the file that large ones are
/// sent from.
#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_whole_however_they_are_sent() {
    const REQUESTS: usize = 40;
    let names: Vec<String> =
        (0..2000).map(|number| format!("a_module_with_a_name_that_is_long_{number:04}.py")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let wheel = build("large-1.0-py3-none-any.whl", "Name: large\nVersion: 1.0\n", &files);
    let fixture = Fixture::empty();
    fixture.publish("main", &[wheel]).unwrap();
    let path = "/pyodide/2026_0/pyodide-lock.json";
    let expected = body(send(&fixture.app(), request("GET", path, &[])).await).await;
    assert!(expected.len() > 64 << 10, "{}", expected.len());

    let server = Server::bind(fixture.settings()).await.unwrap();
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move { stopped.await.unwrap() }));
    let answers = tokio::task::spawn_blocking(move || {
        let one = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
        ask(address, &format!("{one}Connection: close\r\n\r\n"));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("{one}\r\n").repeat(REQUESTS - 1).as_bytes()).unwrap();
        stream.write_all(format!("{one}Connection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).unwrap();
        answers
    });
    let answers = answers.await.unwrap();
    let mut rest = answers.as_slice();
    for number in 0..REQUESTS {
        let head = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"), "{number}");
        let (body, next) = rest[head..].split_at(expected.len());
        assert!(body == expected, "{number}");
        rest = next;
    }
    assert!(rest.is_empty());
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_wait_are_closed_when_it_is_told_to_stop() {
    let fixture = Fixture::published();
    let server = Server::bind(fixture.settings()).await.unwrap();
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move { stopped.await.unwrap() }));
    let waiting = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "HEAD /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stop.send(()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap()
    });
    assert_eq!(waiting.await.unwrap(), 0);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let fixture = Fixture::empty();
    let first = Server::bind(fixture.settings()).await.unwrap();
    let mut settings = fixture.settings();
    settings.listen = first.address();
    let error = Server::bind(settings).await.unwrap_err();
    assert!(matches!(error, ServerError::PortTaken { .. }), "{error:?}");
    let message = error.to_string().replace(&first.address().to_string(), "[ADDRESS]");
    insta::assert_snapshot!("port_taken", message);
}
