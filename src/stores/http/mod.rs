//! HTTP as the stores over a network use it.
//!
//! The crate object_store writes and signs a request; this service sends it and keeps the answer, as it came, for
//! whoever made the request ([`scope`]). The crate sees at most the head of an answer: what a server says is judged by
//! [`super::remote`] alone. A body that is sent from lent memory never passes through the crate either ([`upload`]).

mod answer;
mod blocks;
mod copy;
mod credentials;
mod crypto;
mod failure;
mod scope;
mod tls;
mod upload;

pub(super) use answer::Answer;
pub(super) use crypto::{Crypto, placeholder, sha256};
pub(super) use scope::{NO_CREDENTIALS, Scope, Webdav};
pub(super) use tls::Trust;
pub(super) use upload::Upload;

use crate::error::{Error, Kind, Result};
use crate::threads;
use answer::Asked;
use http::{HeaderMap, Method, header};
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use reqwest::{Client, Proxy, Url};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use upload::{LentBody, Progress};

/// The most redirects of one request that are followed.
const MOST_REDIRECTS: usize = 5;
/// The most bytes of an answer about credentials.
const MOST_OF_CREDENTIALS: usize = 1 << 20;
/// The most bytes of an answer that the crate is shown.
const MOST_OF_SHOWN: usize = 64 << 10;

/// How connections are made and kept.
#[derive(Clone)]
pub(super) struct Wiring {
    pub(super) connect_timeout: Duration,
    pub(super) stall_timeout: Duration,
    /// Of one attempt as a whole.
    pub(super) timeout: Option<Duration>,
    pub(super) max_connections: usize,
    pub(super) pool_idle_timeout: Duration,
    pub(super) pool_max_idle_per_host: usize,
    pub(super) user_agent: String,
    pub(super) proxies: Vec<Proxy>,
    pub(super) uses_system_proxy: bool,
    pub(super) follows_redirects: bool,
    /// What is stored packed comes packed: Google would unpack it, and tell the size of something else.
    pub(super) takes_packed: bool,
}

/// What all connections of a store have in common.
struct Transport {
    wiring: Wiring,
    tls: rustls::ClientConfig,
    /// One for each I/O thread: made when first needed, used by that thread alone.
    clients: Box<[OnceLock<Client>]>,
    connections: Arc<Semaphore>,
}

/// The crate wants it; a proxy's password, say, is nobody's to see.
impl std::fmt::Debug for Transport {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Transport")
    }
}

/// Gives the crate our service in place of its own.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    transport: Arc<Transport>,
    made: Arc<AtomicUsize>,
}

impl Connector {
    /// One for another store of the crate, which makes its own services on the same connections.
    pub(super) fn apart(&self) -> Connector {
        Connector { transport: self.transport.clone(), made: Arc::default() }
    }

    pub(super) fn new(wiring: Wiring, tls: rustls::ClientConfig, io_threads: usize) -> Connector {
        let connections = Arc::new(Semaphore::new(wiring.max_connections));
        let clients = (0..io_threads).map(|_| OnceLock::new()).collect();
        let transport = Arc::new(Transport { wiring, tls, clients, connections });
        Connector { transport, made: Arc::default() }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service {
            transport: self.transport.clone(),
            allows_http: options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true"),
            number: self.made.fetch_add(1, Relaxed),
            made: self.made.clone(),
        }))
    }
}

/// See the module.
#[derive(Debug)]
struct Service {
    transport: Arc<Transport>,
    allows_http: bool,
    number: usize,
    made: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let Some(scope) = Scope::current() else { return Err(kept()) };
        if self.number + 1 < self.made.load(Relaxed) {
            return self.call_for_credentials(request, &scope).await;
        }
        if let Some(answer) = scope.begun.as_deref().and_then(|id| copy::answered_here(&request, id)) {
            return Ok(answer);
        }
        if scope.blocks.is_some()
            && let Some(answer) = blocks::answered_here(&request)
        {
            return Ok(answer);
        }
        // An answer before this one is let go first: its connection may be the only one that this may use.
        scope.forget();
        let shows_body = scope.shows_body || (scope.begun.is_some() && request.method() == Method::PUT);
        let answer = self.checked(request, &scope).await;
        if shows_body {
            return shown(answer, &scope).await;
        }
        let head = match &answer {
            Ok(answer) if scope.shows_head => Ok(head_of(answer)),
            _ => Err(kept()),
        };
        scope.keep(answer);
        head
    }
}

impl Service {
    /// A store makes its own service last: the others before it are for credentials. Their answers are the crate's
    /// to read; what fails is kept.
    async fn call_for_credentials(&self, request: HttpRequest, scope: &Scope) -> Result<HttpResponse, HttpError> {
        let fetch = async {
            // Whatever they are for, to ask for them changes nothing.
            let answer = self.checked(request, &Scope::reading()).await?;
            let (status, headers) = (answer.status, answer.headers.clone());
            Ok((status, headers, answer.collect(MOST_OF_CREDENTIALS).await?))
        };
        let kept_as = |error: Error| {
            scope.keep_credentials(error.asked(NO_CREDENTIALS));
            kept()
        };
        let (status, headers, body) = fetch.await.map_err(kept_as)?;
        let body = match credentials::refusal(status) {
            None => credentials::readable(&body).map_err(kept_as)?,
            Some(error) => {
                kept_as(error);
                body
            }
        };
        let mut response = HttpResponse::new(body.into());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    async fn checked(&self, request: HttpRequest, scope: &Scope) -> Result<Answer> {
        if request.uri().scheme_str() != Some("https") && !self.allows_http {
            let message = "plain HTTP is not allowed; use an https endpoint, or set allow_http=true";
            return Err(Error::argument(message));
        }
        self.transport.send(request, scope).await
    }
}

impl Transport {
    async fn send(&self, request: HttpRequest, scope: &Scope) -> Result<Answer> {
        // The semaphore is never closed.
        let connection = self.connections.clone().acquire_owned().await.ok();
        let progress = Progress::new();
        let mut request = outgoing(request, scope, &progress)?;
        let asked = Asked::of(&request);
        let mut redirects = 0;
        loop {
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            let headers = (is_read && self.wiring.follows_redirects).then(|| request.headers().clone());
            let response = self.execute(request, scope, &progress).await?;
            match headers.and_then(|headers| redirected(asked.method.clone(), headers, &response)) {
                Some(next) if redirects < MOST_REDIRECTS => request = next,
                _ => return Ok(Answer::new(response, asked, self.wiring.stall_timeout, connection)),
            }
            redirects += 1;
        }
    }

    /// Sends one request and waits for the head of its answer.
    async fn execute(
        &self,
        request: reqwest::Request,
        scope: &Scope,
        progress: &Arc<Progress>,
    ) -> Result<reqwest::Response> {
        let stall = self.wiring.stall_timeout;
        let answered = progress.watch(stall, self.client()?.execute(request));
        let answered = match self.wiring.timeout {
            None => answered.await,
            Some(limit) => tokio::time::timeout(limit, answered).await.map_err(|_| failure::too_slow(limit))?,
        };
        answered.ok_or_else(|| failure::stalled(stall, "sent no answer"))?.map_err(|error| failure::of(error, scope))
    }

    fn client(&self) -> Result<&Client> {
        let place = self.clients.get(threads::io()).unwrap_or(&self.clients[0]);
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = self.new_client()?;
        Ok(place.get_or_init(|| client))
    }

    fn new_client(&self) -> Result<Client> {
        let wiring = &self.wiring;
        let mut builder = Client::builder()
            .http1_only()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(wiring.connect_timeout)
            .pool_idle_timeout(wiring.pool_idle_timeout)
            .pool_max_idle_per_host(wiring.pool_max_idle_per_host)
            .user_agent(&wiring.user_agent);
        if wiring.takes_packed {
            let packed = [(header::ACCEPT_ENCODING, header::HeaderValue::from_static("gzip"))];
            builder = builder.default_headers(packed.into_iter().collect());
        }
        if !wiring.uses_system_proxy {
            builder = builder.no_proxy();
        }
        for proxy in &wiring.proxies {
            builder = builder.proxy(proxy.clone());
        }
        builder.build().map_err(|error| Error::new(Kind::Io, format!("no HTTP client could be made: {error}")))
    }
}

/// The request as it is sent: as the crate has written it, with the body that it has not seen.
fn outgoing(request: HttpRequest, scope: &Scope, progress: &Arc<Progress>) -> Result<reqwest::Request> {
    let (parts, body) = request.into_parts();
    let mut url = Url::parse(&parts.uri.to_string())
        .map_err(|error| Error::argument(format!("the endpoint and key make no URL: {error}")))?;
    if scope.is_of_folder && !url.path().ends_with('/') {
        let folder = format!("{}/", url.path());
        url.set_path(&folder);
    }
    let mut outgoing = reqwest::Request::new(parts.method, url);
    *outgoing.headers_mut() = parts.headers;
    outgoing.headers_mut().extend(scope.headers.clone());
    copy::complete(&mut outgoing, scope);
    // Nobody's token is no token.
    if outgoing.headers().get(header::AUTHORIZATION).is_some_and(|token| token.as_bytes().trim_ascii() == b"Bearer") {
        outgoing.headers_mut().remove(header::AUTHORIZATION);
    }
    *outgoing.body_mut() = match (body.as_bytes(), &scope.upload) {
        (None, Some(upload)) if upload.size > 0 => {
            // It tells by itself when it has been sent.
            Some(reqwest::Body::wrap(LentBody::new(upload, scope.doubt(), progress)))
        }
        (bytes, upload) => {
            if copy::is_change(&outgoing, scope) {
                scope.sent();
            }
            match (bytes, &scope.blocks) {
                (_, Some(blocks)) => Some(blocks::list(outgoing.headers(), blocks)?.into()),
                (Some(bytes), None) if bytes.is_empty() => None,
                (Some(bytes), None) => Some(bytes.clone().into()),
                (None, None) if upload.is_some() => None,
                (None, None) => Some(reqwest::Body::wrap(body)),
            }
        }
    };
    Ok(outgoing)
}

/// The request that an answer sends its reader to, if it does. A folder, which is where the same name with a `/` at
/// its end is, is no object to be sent to; nor is a place without TLS, from one with.
fn redirected(method: Method, headers: HeaderMap, answer: &reqwest::Response) -> Option<reqwest::Request> {
    let place = answer::place_of_redirect(answer)?;
    let loses_tls = (answer.url().scheme(), place.scheme()) == ("https", "http");
    let is_http = matches!(place.scheme(), "http" | "https");
    if !is_http || loses_tls || answer::is_folder_of(answer.url(), &place) {
        return None;
    }
    let mut request = reqwest::Request::new(method, place);
    *request.headers_mut() = headers;
    Some(request)
}

/// What the crate is shown of an answer.
fn head_of(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::new(HttpResponseBody::from(Vec::new()));
    *response.status_mut() = copy::shown_status(answer);
    *response.headers_mut() = answer.headers.clone();
    response
}

/// All of an answer that is a success, for the crate to make something of it; it counts only if it can. Any other is
/// kept.
async fn shown(answer: Result<Answer>, scope: &Scope) -> Result<HttpResponse, HttpError> {
    let answer = match answer {
        Ok(answer) if answer.status.is_success() => answer,
        other => {
            scope.keep(other);
            return Err(kept());
        }
    };
    let (status, headers) = (answer.status, answer.headers.clone());
    let body = match answer.collect(MOST_OF_SHOWN).await {
        Ok(body) => body,
        Err(error) => {
            scope.keep(Err(error));
            return Err(kept());
        }
    };
    scope.keep(Err(Error::new(Kind::Server, "the server's answer makes no sense: it is not what was asked for")));
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Tells the crate that there is nothing for it to see.
fn kept() -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Kept)
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is kept for whoever asked")]
struct Kept;
