//! A web server for tests: hyper on a thread of its own, on loopback or a Unix socket, in plain
//! text or with TLS. It answers by path, notes every request, and stops when it is dropped.
//!
//! | path | answer |
//! |---|---|
//! | `/` | `hello` |
//! | `/echo-length` | the length of the request's body |
//! | `/big` | a body of [`BIG`] bytes |
//! | `/early` | `early`, without reading the request's body |
//! | `/goaway` | `bye`, and the connection closes in order |
//! | `/idle` | `bye`, and the connection closes in order, without a word about it, once it is idle |
//! | `/reset` | none: the stream is reset; with HTTP/1 the connection closes |
//! | `/refused` | none: the stream is refused, so nothing has been done with the request |
//! | `/cut` | a body that breaks off |
//! | any other | status 404 |
//!
//! Whatever the path, HEAD gets the head of `/big`.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{DEFAULT_VERSIONS, ServerConfig, SupportedProtocolVersion, version};

/// Bytes of the body at `/big`.
pub(crate) const BIG: u64 = 300 * 1024;
/// More bytes than hyper gathers before it sends: what follows them finds the head on its way.
const LONG: usize = 1024 * 1024;

/// Time after the response of `/idle`.
const IDLE: Duration = Duration::from_millis(20);

static TLS12: [&SupportedProtocolVersion; 1] = [&version::TLS12];

/// How a server is to be set up.
pub(crate) struct Site {
    address: ListenAddress,
    /// What the certificate is for; nothing for plain text.
    name: Option<&'static str>,
    /// Whether the certificate is that of the authority itself.
    self_signed: bool,
    alpn: &'static [&'static str],
    tls_versions: &'static [&'static SupportedProtocolVersion],
    http1_only: bool,
    /// Whether it ends a body by the connection, and the connection without a word.
    hangs_up: bool,
}

#[derive(Clone, Copy)]
enum ListenAddress {
    Tcp(&'static str),
    Unix,
}

/// A server that is up.
pub(crate) struct Web {
    /// Has the socket and the certificate of the authority.
    folder: TempDir,
    /// What stands in a URL before the path.
    base: String,
    port: u16,
    log: Log,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// One request as the server got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The number of its connection.
    pub(crate) connection: usize,
    pub(crate) version: Version,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// `:authority`, or with HTTP/1 the `Host` field.
    pub(crate) authority: String,
    pub(crate) body: Bytes,
}

impl Site {
    /// Plain text on 127.0.0.1, HTTP/1 and HTTP/2.
    pub(crate) fn new() -> Self {
        Self {
            address: ListenAddress::Tcp("127.0.0.1"),
            name: None,
            self_signed: false,
            alpn: &["h2", "http/1.1"],
            tls_versions: DEFAULT_VERSIONS,
            http1_only: false,
            hangs_up: false,
        }
    }

    /// Listens on `[::1]`.
    pub(crate) fn on_ipv6(mut self) -> Self {
        self.address = ListenAddress::Tcp("[::1]");
        self
    }

    /// Listens on a Unix socket.
    pub(crate) fn on_socket(mut self) -> Self {
        self.address = ListenAddress::Unix;
        self
    }

    /// Speaks TLS, with a certificate for a name or an address by an authority of its own.
    pub(crate) fn certified_for(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Speaks TLS, with a certificate that signs itself as an authority, as those that
    /// `openssl req -x509` makes; it names nobody where the name is empty.
    pub(crate) fn self_signed_for(mut self, name: &'static str) -> Self {
        self.self_signed = true;
        self.certified_for(name)
    }

    /// Offers these protocols within TLS; takes no part in ALPN when there are none.
    pub(crate) fn offering(mut self, alpn: &'static [&'static str]) -> Self {
        self.alpn = alpn;
        self
    }

    pub(crate) fn with_tls12_only(mut self) -> Self {
        self.tls_versions = &TLS12;
        self
    }

    /// Knows nothing of HTTP/2.
    pub(crate) fn with_http1_only(mut self) -> Self {
        self.http1_only = true;
        self.offering(&["http/1.1"])
    }

    /// Answers whatever comes with a body that the end of the connection ends, and hangs up: a TLS session
    /// without the alert that it is over.
    pub(crate) fn that_hangs_up(mut self) -> Self {
        self.hangs_up = true;
        self
    }

    pub(crate) fn start(self) -> Web {
        let folder = TempDir::new().expect("a temporary folder");
        let named = self
            .name
            .filter(|name| self.self_signed && !name.is_empty());
        let authority = Authority::new(named);
        std::fs::write(folder.path().join("ca.pem"), &authority.pem).expect("a file is written");
        let (listener, address, port) = self.listen(&folder);
        let log = Log::default();
        let host = Host {
            tls: self.name.map(|name| self.tls(&authority, name)),
            http1_only: self.http1_only,
            hangs_up: self.hangs_up,
            log: log.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        Web {
            folder,
            base: format!("{}:{address}", self.scheme()),
            port,
            log,
            stop: Some(stop),
            thread: Some(thread::spawn(move || run(listener, host, stopped))),
        }
    }

    fn scheme(&self) -> &'static str {
        match (self.address, self.name) {
            (ListenAddress::Unix, _) => "unix",
            (ListenAddress::Tcp(_), None) => "http",
            (ListenAddress::Tcp(_), Some(_)) => "https",
        }
    }

    /// A listener, what stands for it in a URL behind the scheme, and its port.
    fn listen(&self, folder: &TempDir) -> (Listener, String, u16) {
        match self.address {
            ListenAddress::Unix => {
                let path = folder.path().join("web.sock");
                let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
                (Listener::Unix(listener), format!("{}:", path.display()), 0)
            }
            ListenAddress::Tcp(host) => {
                let listener = std::net::TcpListener::bind(format!("{host}:0"));
                let listener = listener.unwrap_or_else(|error| panic!("{host}: {error}"));
                let port = listener.local_addr().expect("an address").port();
                (Listener::Tcp(listener), format!("//{host}:{port}"), port)
            }
        }
    }

    fn tls(&self, authority: &Authority, name: &str) -> TlsAcceptor {
        let (certificate, key) = if self.self_signed {
            authority.itself()
        } else {
            authority.certify(name)
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.tls_versions)
            .expect("the provider knows the versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("the key belongs to the certificate");
        config.alpn_protocols = self.alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Web {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The URL of its root with another name for its host, over TLS.
    pub(crate) fn url_by_name(&self, name: &str) -> String {
        format!("https://{name}:{}/", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that it is certified by.
    pub(crate) fn ca(&self) -> String {
        std::fs::read_to_string(self.ca_file()).expect("the certificate is readable")
    }

    /// The file with that certificate.
    pub(crate) fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.lock().clone()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            // A second panic would hide the first.
            assert!(ended.is_ok() || thread::panicking(), "the server panicked");
        }
    }
}

/// A certificate authority.
struct Authority {
    pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: Option<&str>) -> Self {
        let names: Vec<_> = name.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "perfgate tests");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn certify(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer);
        let certificate = certificate.expect("a certificate");
        (certificate.der().clone(), key.into())
    }

    /// Its own certificate and key.
    fn itself(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = PrivatePkcs8KeyDer::from(self.issuer.key().serialize_der());
        (self.certificate.clone(), key.into())
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// What all connections have in common.
struct Host {
    tls: Option<TlsAcceptor>,
    http1_only: bool,
    hangs_up: bool,
    log: Log,
}

/// Serves until the sender of `stopped` is gone; what is open then is cut off.
fn run(listener: Listener, host: Host, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::select! {
            served = serve(listener, Arc::new(host)) => served.expect("connections are accepted"),
            _ = stopped => {}
        }
    });
}

async fn serve(listener: Listener, host: Arc<Host>) -> io::Result<()> {
    match listener {
        Listener::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            for number in 0.. {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(Arc::clone(&host).secure(stream, number));
            }
        }
        Listener::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            for number in 0.. {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(Arc::clone(&host).secure(stream, number));
            }
        }
    }
    Ok(())
}

impl Host {
    /// Begins TLS where it is spoken, and talks.
    async fn secure<S>(self: Arc<Self>, stream: S, connection: usize)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = &self.tls else {
            return self.talk(stream, connection).await;
        };
        // A client that does not trust the certificate hangs up, which is its right.
        if let Ok(stream) = tls.accept(stream).await {
            self.talk(stream, connection).await;
        }
    }

    async fn talk<S>(&self, stream: S, connection: usize)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if self.hangs_up {
            return hang_up(stream).await;
        }
        let guest = Guest {
            connection,
            log: self.log.clone(),
            leave: Arc::new(Notify::new()),
        };
        let leave = Arc::clone(&guest.leave);
        let builder = Builder::new(TokioExecutor::new());
        let builder = if self.http1_only {
            builder.http1_only()
        } else {
            builder
        };
        let service = service_fn(move |request| guest.clone().answer(request));
        let talk = builder.serve_connection(TokioIo::new(stream), service);
        let mut talk = std::pin::pin!(talk);
        // How a connection ends is for the client to report.
        tokio::select! {
            _ = talk.as_mut() => {}
            () = leave.notified() => {
                talk.as_mut().graceful_shutdown();
                let _ = talk.await;
            }
        }
    }
}

/// Answers one request. How that ends is for the client to tell.
async fn hang_up(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _request = stream.read(&mut [0; 4096]).await;
    let _sent = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").await;
    let _sent = stream.flush().await;
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Guest {
    connection: usize,
    log: Log,
    /// Told when the connection is to close in order.
    leave: Arc<Notify>,
}

type Problem = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<BoxBody<Bytes, io::Error>>;

impl Guest {
    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Problem> {
        let (head, body) = request.into_parts();
        if head.uri.path() == "/early" {
            self.note(&head, Bytes::new());
            return Ok(complete("early"));
        }
        let body = body.collect().await?.to_bytes();
        self.note(&head, body.clone());
        match head.uri.path() {
            _ if head.method == Method::HEAD => Ok(head_of_big()),
            "/" => Ok(complete("hello")),
            "/echo-length" => Ok(complete(body.len().to_string())),
            "/big" => Ok(complete("x".repeat(usize::try_from(BIG)?))),
            "/goaway" => {
                self.leave.notify_one();
                Ok(complete("bye"))
            }
            "/idle" => {
                tokio::spawn(async move {
                    tokio::time::sleep(IDLE).await;
                    self.leave.notify_one();
                });
                Ok(complete("bye"))
            }
            "/reset" => Err("the stream is reset".into()),
            "/refused" => Err(h2::Error::from(h2::Reason::REFUSED_STREAM).into()),
            "/cut" => Ok(cut()),
            _ => Ok(missing()),
        }
    }

    fn note(&self, head: &Parts, body: Bytes) {
        let host = head.headers.get(header::HOST);
        let host = host.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
        let authority = head.uri.authority().map(ToString::to_string).or(host);
        self.log.lock().push(Seen {
            connection: self.connection,
            version: head.version,
            method: head.method.to_string(),
            target: head
                .uri
                .path_and_query()
                .map_or("", |it| it.as_str())
                .into(),
            authority: authority.unwrap_or_default(),
            body,
        });
    }
}

fn complete(body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into());
    Response::new(body.map_err(|never| match never {}).boxed())
}

fn missing() -> Answer {
    let mut answer = complete("missing");
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

/// The answer to HEAD, which hyper does not see to with HTTP/2.
fn head_of_big() -> Answer {
    let mut answer = complete("");
    let length = HeaderValue::from(BIG);
    answer.headers_mut().insert(header::CONTENT_LENGTH, length);
    answer
}

/// A body that breaks off behind its second part, for which hyper has to send the head and some
/// of the first part.
fn cut() -> Answer {
    let part = |length| Ok(Frame::data(Bytes::from(vec![b'x'; length])));
    let broken = Err(io::Error::other("the body breaks off"));
    let parts = stream::iter([part(LONG), part(1), broken]);
    Response::new(BodyExt::boxed(StreamBody::new(parts)))
}
