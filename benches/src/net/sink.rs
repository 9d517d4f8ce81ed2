//! The server of the puts, in a process of its own: reads what is sent and answers as S3 would, one thread for each
//! connection.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::tls;
use crate::head;

const BUFFER: usize = 256 << 10;
const UPLOAD: &str = "<InitiateMultipartUploadResult><Bucket>bench</Bucket><Key>object</Key><UploadId>upload</UploadId>\
                      </InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><Bucket>bench</Bucket><Key>object</Key>\
                         <ETag>&quot;sink&quot;</ETag></CompleteMultipartUploadResult>";

/// Serves until standard input ends. Prints the two ports, for plain HTTP and for TLS.
pub fn serve(certificate: &Path, key: &Path) {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = |listener: &TcpListener| listener.local_addr().expect("it has an address").port();
    let (plain, secure) = (listen(), listen());
    println!("{} {}", port(&plain), port(&secure));
    let config = tls::server(certificate, key);
    thread::spawn(move || accept(&plain, answer_all));
    thread::spawn(move || accept(&secure, move |stream| answer_all_over_tls(config.clone(), stream)));
    // An end or an error: the benchmark has ended.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

fn accept(listener: &TcpListener, answer: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) {
    for stream in listener.incoming() {
        let (stream, answer) = (stream.expect("a connection"), answer.clone());
        stream.set_nodelay(true).expect("a socket");
        // A client that goes away in the middle ends its thread, and nothing else.
        thread::spawn(move || answer(stream));
    }
}

fn answer_all_over_tls(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    answer_all(StreamOwned::new(connection, stream))
}

fn answer_all(mut stream: impl Read + Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while let Some((head, filled)) = head::read(&mut stream, &mut buffer)? {
        let mut left = head.body - (filled - head.size);
        while left > 0 {
            let most = left.min(BUFFER);
            match stream.read(&mut buffer[..most])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => left -= count,
            }
        }
        let body = match head.line.split(' ').next() {
            Some("PUT") => "",
            Some("POST") if head.line.contains("uploadId=") => COMPLETED,
            Some("POST") => UPLOAD,
            _ => return Err(io::Error::other(head.line)),
        };
        let answer = format!("HTTP/1.1 200 OK\r\nETag: \"sink\"\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}
