//! With real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use pkgsrv::{Server, ServerError};

use crate::fixture::Fixture;

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
