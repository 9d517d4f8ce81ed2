//! The servers: nginx for the gets, the sink for the puts, each a process of its own, so that what they cost is not
//! counted with the client.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::memory;
use super::row::Row;
use crate::folder::Folder;
use crate::server::{Server, free_ports};

/// Where the servers are.
#[derive(Clone)]
pub struct Addresses {
    /// Of plain HTTP and of TLS: nginx, then the sink.
    ports: [u16; 4],
    /// What the servers show over TLS: self-signed, for 127.0.0.1.
    pub certificate: PathBuf,
}

impl Addresses {
    /// The port of nginx.
    pub fn nginx(&self, is_tls: bool) -> u16 {
        self.ports[usize::from(is_tls)]
    }

    /// The port of the sink.
    pub fn sink(&self, is_tls: bool) -> u16 {
        self.ports[2 + usize::from(is_tls)]
    }

    /// As one word, for another process.
    pub fn to_word(&self) -> String {
        let ports = self.ports.map(|port| port.to_string());
        format!("{},{}", ports.join(","), self.certificate.display())
    }

    /// From the word of another process.
    pub fn from_word(word: &str) -> Option<Addresses> {
        let mut parts = word.splitn(5, ',');
        let mut ports = [0; 4];
        for port in &mut ports {
            *port = parts.next()?.parse().ok()?;
        }
        Some(Addresses { ports, certificate: parts.next()?.into() })
    }
}

/// The servers, until they are dropped.
pub struct Servers {
    /// Where they are.
    pub addresses: Addresses,
    _nginx: Server,
    _sink: Server,
    _folder: Folder,
}

/// The name of the object that a row gets.
pub fn key(row: Row) -> String {
    format!("object-{}", row.size)
}

impl Servers {
    /// Starts them, with the objects of these rows.
    pub fn start(nginx: &Path, rows: &[Row]) -> Servers {
        let folder = Folder::new();
        let path = folder.path();
        make_certificate(path);
        fs::create_dir(path.join("objects")).expect("a new folder");
        for row in rows {
            let object = path.join("objects").join(key(*row));
            if !object.exists() {
                fs::write(object, memory::pattern(row.size)).expect("room for the objects");
            }
        }
        let certificate = path.join("certificate.pem");
        let (sink, [sink_plain, sink_tls]) = start_sink(&certificate, &path.join("key.pem"));
        let (nginx, [plain, tls]) = start_nginx(nginx, path);
        let addresses = Addresses { ports: [plain, tls, sink_plain, sink_tls], certificate };
        Servers { addresses, _nginx: nginx, _sink: sink, _folder: folder }
    }
}

/// Not one of a certificate authority: rustls would not take that for a server's.
const CERTIFICATE: &str = "[req]\ndistinguished_name = name\nx509_extensions = extensions\n[name]\n[extensions]\n\
                           basicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";

fn make_certificate(folder: &Path) {
    fs::write(folder.join("certificate.conf"), CERTIFICATE).expect("room for a file");
    let what = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1";
    let files = "-config certificate.conf -keyout key.pem -out certificate.pem";
    let words = what.split(' ').chain(files.split(' '));
    let made = Command::new("openssl").args(words).current_dir(folder).output().expect("openssl runs");
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
}

/// This program again. It ends when this process does, for then its standard input ends.
fn start_sink(certificate: &Path, key: &Path) -> (Server, [u16; 2]) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.arg("--sink").arg(certificate).arg(key).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sink = command.spawn().expect("this program runs again");
    let mut line = String::new();
    let output = sink.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("the sink tells its ports");
    let ports: Vec<u16> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    (Server::of(sink), ports.try_into().expect("two ports"))
}

/// One process, as few costs as can be beside sending.
const NGINX: &str = "\
daemon off;
master_process off;
pid @FOLDER@/nginx.pid;
error_log stderr warn;
events {
  worker_connections 10000;
}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  keepalive_timeout 1h;
  open_file_cache max=16;
  default_type application/octet-stream;
  client_body_temp_path @FOLDER@/nginx-body;
  proxy_temp_path @FOLDER@/nginx-proxy;
  fastcgi_temp_path @FOLDER@/nginx-fastcgi;
  uwsgi_temp_path @FOLDER@/nginx-uwsgi;
  scgi_temp_path @FOLDER@/nginx-scgi;
  server {
    listen 127.0.0.1:@PLAIN@;
    listen 127.0.0.1:@TLS@ ssl;
    ssl_certificate @FOLDER@/certificate.pem;
    ssl_certificate_key @FOLDER@/key.pem;
    ssl_protocols TLSv1.3;
    root @FOLDER@/objects;
  }
}
";

fn start_nginx(nginx: &Path, folder: &Path) -> (Server, [u16; 2]) {
    let ports = free_ports();
    let settings = NGINX.replace("@FOLDER@", &folder.display().to_string());
    let settings = settings.replace("@PLAIN@", &ports[0].to_string()).replace("@TLS@", &ports[1].to_string());
    let (file, log) = (folder.join("nginx.conf"), folder.join("nginx.log"));
    fs::write(&file, settings).expect("room for a file");
    let server = Server::start(nginx, &log, &ports, |command| {
        command.arg("-p").arg(folder).arg("-c").arg(&file);
    });
    (server, ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_from_their_word() {
        let addresses = Addresses { ports: [1, 2, 3, 4], certificate: "/with,a comma/c.pem".into() };
        let back = Addresses::from_word(&addresses.to_word()).expect("it was written by us");
        assert_eq!((back.nginx(true), back.sink(false)), (2, 3));
        assert_eq!((back.ports, back.certificate), (addresses.ports, addresses.certificate));
        assert!(Addresses::from_word("1,2,3").is_none());
    }
}
