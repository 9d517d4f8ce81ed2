//! versitygw, an S3 server over a folder in memory, and how each contender reaches it.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use md5::{Digest, Md5};
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStoreExt};
use tokio::runtime::Builder;

use crate::abi::{Library, Queue, Service, ServiceOptions, Store, Wake};
use crate::folder::Folder;
use crate::server::{Server, free_ports};

/// The bucket that there is.
pub const BUCKET: &str = "bench";
/// What it may be used with.
pub const ACCESS_KEY: &str = "BENCHKEY";
/// The secret of the key.
pub const SECRET_KEY: &str = "bench-secret";
/// Where it pretends to be.
pub const REGION: &str = "us-east-1";

/// Bytes of the object that others are links to.
const SEED: usize = 1 << 10;

/// The server, until it is dropped.
pub struct Gateway {
    /// Its URL.
    pub endpoint: String,
    /// A folder in memory, for more than the objects.
    pub folder: Folder,
    _server: Server,
}

impl Gateway {
    /// Starts it, with an empty bucket.
    pub fn start(program: &Path) -> Gateway {
        let folder = Folder::new();
        let root = folder.path().join("objects");
        fs::create_dir_all(root.join(BUCKET)).expect("a new folder");
        let [port] = free_ports();
        let server = Server::start(program, &folder.path().join("versitygw.log"), &[port], |command| {
            command.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY);
            command.args(["--port", &format!("127.0.0.1:{port}"), "--keep-alive", "--quiet", "posix"]).arg(root);
        });
        Gateway { endpoint: format!("http://127.0.0.1:{port}"), folder, _server: server }
    }

    /// The folder of the bucket: its files are the objects.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join("objects").join(BUCKET)
    }

    /// Puts an object.
    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = raw_store(&self.endpoint);
        runtime.block_on(store.put(&Key::from(key), bytes.into())).expect("a put");
    }

    /// Makes objects of these keys at once: one is put, and the others are links to its file.
    pub fn link(&self, keys: &[String]) {
        let seed = self.bucket().join("seed");
        if !seed.exists() {
            self.put("seed", vec![1; SEED]);
        }
        let mut made = PathBuf::new();
        for key in keys {
            let object = self.bucket().join(key);
            let folder = object.parent().expect("a file is in a folder");
            if made != folder {
                fs::create_dir_all(folder).expect("a folder");
                made = folder.to_owned();
            }
            fs::hard_link(&seed, &object).unwrap_or_else(|error| panic!("{}: {error}", object.display()));
        }
    }
}

/// A store of the raw crate.
pub fn raw_store(endpoint: &str) -> AmazonS3 {
    crate::net::install_tls_provider();
    let store = AmazonS3Builder::new().with_bucket_name(BUCKET).with_region(REGION).with_endpoint(endpoint);
    let store = store.with_access_key_id(ACCESS_KEY).with_secret_access_key(SECRET_KEY);
    store.with_client_options(ClientOptions::new().with_allow_http(true)).build().expect("a store")
}

/// A store of the library, with what it takes to use it.
pub fn our_store(library: &'static Library, endpoint: &str) -> (Store, Queue, Service) {
    let service = Service::new(library, &ServiceOptions::default());
    let options = [
        ("endpoint", endpoint),
        ("region", REGION),
        ("access_key_id", ACCESS_KEY),
        ("secret_access_key", SECRET_KEY),
        ("allow_http", "true"),
    ];
    let store = service.open(&format!("s3://{BUCKET}"), &options);
    (store, service.queue(0, Wake::None), service)
}

/// The head of a request that is signed now, for a bare socket. `what` follows the name of the bucket.
pub fn signed_head(endpoint: &str, method: &str, what: &str, body: &[u8]) -> Vec<u8> {
    let uri = format!("{endpoint}/{BUCKET}{what}");
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = method.parse().expect("a method");
    *request.uri_mut() = uri.parse().expect("a URL");
    let credential = AwsCredential { key_id: ACCESS_KEY.into(), secret_key: SECRET_KEY.into(), token: None };
    let authorizer = AwsAuthorizer::new(&credential, "s3", REGION).with_sign_payload(false);
    authorizer.try_authorize(&mut request, None).expect("a signature");
    let host = request.uri().authority().expect("a host");
    let mut head = format!("{method} /{BUCKET}{what} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n", body.len());
    if method == "POST" {
        // What deletes must carry it.
        head += &format!("Content-MD5: {}\r\n", STANDARD.encode(Md5::digest(body)));
    }
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().expect("ASCII"));
    }
    (head + "\r\n").into_bytes()
}
