//! Real sockets on loopback.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::connect::records::double;
use crate::connect::{Next, Source, Writer, Wrote};
use crate::error::Class;

fn server(once: bool, max_connections: usize) -> TcpServer {
    let options = TcpListenerOptions {
        listen: ":0".to_owned(),
        records: double::lines(true, false),
        pool: Pool::new(4),
        max_connections,
        once,
        idle: None,
    };
    TcpServer::bind(options).unwrap()
}

fn client(address: SocketAddr, once: bool) -> TcpClient {
    let options = TcpClientOptions {
        connect: address.to_string(),
        records: double::lines(false, false),
        pool: Pool::new(4),
        once,
        idle: None,
    };
    TcpClient::new(options).unwrap()
}

fn now(start: Instant) -> i64 {
    start.elapsed().as_micros() as i64
}

/// The next thing that is not `Pending`: (connection, text) of a block, `end` at the end.
fn next(source: &mut dyn Source, start: Instant) -> (u32, String) {
    for _ in 0..20_000 {
        match source.next(now(start)).unwrap() {
            Next::Tick(_) => panic!("a source without a journal has no ticks"),
            Next::End => return (0, "end".to_owned()),
            Next::Block(Block { body: Body::Bytes { data, .. }, file, .. }) => {
                return (file, String::from_utf8(data.to_vec()).unwrap());
            }
            Next::Block(Block { ends, .. }) => return (0, format!("mark {ends}")),
            Next::Pending { .. } => {
                let mut fds = Vec::new();
                source.poll_fds(&mut fds);
                let wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: 500_000 };
                rustix::event::poll(&mut fds, Some(&wait)).unwrap();
            }
        }
    }
    panic!("nothing came for ten seconds")
}

fn pair(file: u32, text: &str) -> (u32, String) {
    (file, text.to_owned())
}

#[test]
fn records_of_clients_never_mix() {
    let start = Instant::now();
    let mut server = server(false, 10);
    let mut a = TcpStream::connect(server.local_addr()).unwrap();
    a.write_all(b"a1\n\"a").unwrap();
    assert_eq!(next(&mut server, start), pair(0, "a1\n"));
    let mut b = TcpStream::connect(server.local_addr()).unwrap();
    b.write_all(b"b1\nb2").unwrap();
    assert_eq!(next(&mut server, start), pair(1, "b1\n"));
    a.write_all(b"\n2\"\n").unwrap();
    assert_eq!(next(&mut server, start), pair(0, "\"a\n2\"\n"));
    assert_eq!(server.input_name(1), b.local_addr().unwrap().to_string());
    let peer = b.local_addr().unwrap().to_string();
    drop(b);
    assert_eq!(next(&mut server, start), pair(1, "b2"));
    assert!(matches!(server.next(now(start)).unwrap(), Next::Pending { until: None }));
    assert_eq!(server.input_name(1), peer);
    server.stop();
    assert_eq!(next(&mut server, start).1, "end");
}

#[test]
fn clients_beyond_the_limit_are_closed() {
    let start = Instant::now();
    let mut server = server(false, 1);
    let mut a = TcpStream::connect(server.local_addr()).unwrap();
    let mut b = TcpStream::connect(server.local_addr()).unwrap();
    a.write_all(b"a\n").unwrap();
    assert_eq!(next(&mut server, start), pair(0, "a\n"));
    assert!(matches!(server.next(now(start)).unwrap(), Next::Pending { .. }));
    b.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(matches!(b.read(&mut [0; 8]), Ok(0)));
}

#[test]
fn a_flood_does_not_starve_a_trickle() {
    let start = Instant::now();
    let mut server = server(false, 10);
    let mut flood = TcpStream::connect(server.local_addr()).unwrap();
    let mut trickle = TcpStream::connect(server.local_addr()).unwrap();
    let flooding = thread::spawn(move || while flood.write_all(&b"flood\n".repeat(10_000)).is_ok() {});
    thread::sleep(Duration::from_millis(50));
    for i in 0..20 {
        let row = format!("{i}\n");
        trickle.write_all(row.as_bytes()).unwrap();
        let blocks_before = (0..200).take_while(|_| next(&mut server, start) != pair(1, &row)).count();
        assert!(blocks_before < 20, "{blocks_before}");
    }
    drop(server);
    flooding.join().unwrap();
}

#[test]
fn once_ends_with_its_first_connection() {
    let start = Instant::now();
    let mut server = server(true, 10);
    TcpStream::connect(server.local_addr()).unwrap().write_all(b"a\nrest").unwrap();
    let mut text = String::new();
    loop {
        match next(&mut server, start).1.as_str() {
            "mark true" => break,
            part => text += part,
        }
    }
    assert_eq!(text, "a\nrest");
    assert_eq!(next(&mut server, start).1, "end");
}

#[test]
fn a_client_connects_again_after_a_loss_and_a_refusal() {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = client(address, false);
    let serving = thread::spawn(move || {
        listener.accept().unwrap().0.write_all(b"first\nrest").unwrap();
        drop(listener);
        thread::sleep(Duration::from_millis(250));
        let listener = TcpListener::bind(address).unwrap();
        listener.accept().unwrap().0.write_all(b"second\n").unwrap();
    });
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(_, text): &(u32, String)| text != "second\n") {
        seen.push(next(&mut client, start));
    }
    let text: String = seen.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(text, "first\nrestsecond\n");
    assert_eq!(seen.last().unwrap().0, 1);
    serving.join().unwrap();
}

#[test]
fn a_client_with_once_ends() {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = client(listener.local_addr().unwrap(), true);
    let serving = thread::spawn(move || listener.accept().unwrap().0.write_all(b"only\n").unwrap());
    assert_eq!(next(&mut client, start).1, "only\n");
    assert_eq!(next(&mut client, start).1, "mark true");
    assert_eq!(next(&mut client, start).1, "end");
    serving.join().unwrap();
}

#[test]
fn a_writer_waits_for_a_slow_peer_and_loses_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut writer = TcpWriter::new(listener.local_addr().unwrap().to_string());
    writer.open(Bytes::from_static(b"header\n")).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let rows = Bytes::from("0123456789\n".repeat(2_000_000));
    let mut left = rows.clone();
    assert_eq!(writer.write(&mut left).unwrap(), Wrote::Blocked);
    assert!(left.len() < rows.len());
    let reading = thread::spawn(move || {
        let mut text = Vec::new();
        peer.read_to_end(&mut text).unwrap();
        text
    });
    while writer.write(&mut left).unwrap() == Wrote::Blocked {
        let mut fds = Vec::new();
        writer.poll_fds(&mut fds);
        rustix::event::poll(&mut fds, None).unwrap();
    }
    writer.commit().unwrap();
    assert!(reading.join().unwrap() == [b"header\n", &rows[..]].concat());
}

#[test]
fn a_writer_names_a_peer_that_refuses_or_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut writer = TcpWriter::new(address.clone());
    writer.open(Bytes::new()).unwrap();
    drop(listener.accept().unwrap());
    drop(listener);
    let mut outcome = Ok(Wrote::Done);
    for _ in 0..100 {
        outcome = writer.write(&mut Bytes::from_static(b"row\n"));
        if outcome.is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(2));
    }
    let error = outcome.unwrap_err();
    assert_eq!(error.class, Class::External);
    assert!(error.to_string().contains(&format!("lost the connection to {address}")), "{error}");
    let error = TcpWriter::new(address.clone()).open(Bytes::new()).unwrap_err().to_string();
    assert!(error.contains(&format!("cannot connect to {address}: Connection refused")), "{error}");
}

#[test]
fn addresses() {
    assert_eq!(resolve_address(":9000").unwrap(), ["127.0.0.1:9000".parse().unwrap()]);
    assert_eq!(resolve_address("127.0.0.2:1").unwrap(), ["127.0.0.2:1".parse().unwrap()]);
    assert!(resolve_address("nowhere").unwrap_err().to_string().contains("expected HOST:PORT"));
    let server = server(false, 1);
    let taken = server.local_addr().to_string();
    let options = TcpListenerOptions {
        listen: taken.clone(),
        records: double::lines(false, false),
        pool: Pool::new(1),
        max_connections: 1,
        once: false,
        idle: None,
    };
    let error = TcpServer::bind(options).err().unwrap().to_string();
    assert!(error.contains(&format!("cannot listen on {taken}: Address already in use")), "{error}");
}

#[test]
fn each_connection_is_a_compressed_stream_of_its_own() {
    let start = Instant::now();
    let options = TcpListenerOptions {
        listen: ":0".to_owned(),
        records: double::lines(true, false).unpacked(Unpack::Auto),
        pool: Pool::new(4),
        max_connections: 10,
        once: false,
        idle: None,
    };
    let mut server = TcpServer::bind(options).unwrap();
    let gzip = |socket| flate2::write::GzEncoder::new(socket, flate2::Compression::fast());
    let mut a = gzip(TcpStream::connect(server.local_addr()).unwrap());
    a.write_all(b"a1\na2").unwrap();
    a.flush().unwrap();
    assert_eq!(next(&mut server, start), pair(0, "a1\n"), "what was flushed is there at once");
    let mut b = TcpStream::connect(server.local_addr()).unwrap();
    b.write_all(b"plain\n").unwrap();
    assert_eq!(next(&mut server, start), pair(1, "plain\n"));
    let mut c = gzip(TcpStream::connect(server.local_addr()).unwrap());
    c.write_all(b"c1\nc").unwrap();
    c.flush().unwrap();
    assert_eq!(next(&mut server, start), pair(2, "c1\n"));
    drop(a.finish().unwrap());
    assert_eq!(next(&mut server, start), pair(0, "a2"));
    // Data that is broken ends its connection, no other, and is told.
    c.get_ref().write_all(&[0xff; 64]).unwrap();
    assert_eq!(next(&mut server, start), pair(2, "c"));
    b.write_all(b"still there\n").unwrap();
    assert_eq!(next(&mut server, start), pair(1, "still there\n"));
    let told = server.warnings();
    assert!(told.len() == 1 && told[0].contains("was closed: it is not valid gzip data"), "{told:?}");
}
