//! HTTP/2 and HTTP/1.1 over TCP: by ALPN with TLS; without it on the public socket.

use std::{convert::Infallible, future::pending, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use cosign_core::DeviceId;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{
    limits::{Gate, Limits},
    patience::{Patient, Taken},
    tls,
};
use crate::{
    domain::device::Caller,
    frames::{Lasting, Terms, stopped},
};

const MAX_STREAMS: u32 = 64;
const MAX_HEADERS: u32 = 16 * 1024;
const MAX_BUFFER: usize = 64 * 1024;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Pause after the system refuses a connection, usually for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn serve(
    listener: TcpListener,
    // `None`: plain HTTP.
    config: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    gate: Gate,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = config.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, address) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "no connection was accepted");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let Some(pass) = gate.enter(address.ip(), "tcp") else { continue };
                let (acceptor, router, limits) = (acceptor.clone(), router.clone(), *gate.limits());
                let (watcher, stop) = (graceful.watcher(), stop.clone());
                connections.spawn(async move {
                    let source = address.ip();
                    let http = Http { router, source, limits, stop, watcher };
                    match acceptor {
                        None => http.serve(stream, None).await,
                        Some(acceptor) => match timeout(limits.header_timeout, handshake(&acceptor, stream)).await {
                            Ok(Ok(stream)) => {
                                let device = tls::device(stream.get_ref().1.peer_certificates());
                                http.serve(stream, device).await;
                            }
                            Ok(Err(error)) => tracing::debug!(%source, %error, "no handshake"),
                            Err(_) => tracing::debug!(%source, "the handshake took too long"),
                        },
                    }
                    drop(pass);
                });
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection ended abnormally");
                }
            }
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    graceful.shutdown().await;
    while connections.join_next().await.is_some() {}
}

async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> std::io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    acceptor.accept(stream).await
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// A connection for requests.
struct Http {
    router: Router,
    source: IpAddr,
    limits: Limits,
    stop: watch::Receiver<bool>,
    watcher: Watcher,
}

impl Http {
    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        device: Option<DeviceId>,
    ) {
        let Self { router, source, limits, stop, watcher } = self;
        let caller = Caller { device, source };
        let terms = Terms::new(limits.in_flight, limits.request_timeout, stop);
        let (asked, over) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (first, unread) = (Arc::clone(&asked), Arc::clone(&over));
        let service = service_fn(move |request| {
            asked.notify_one();
            let over = Arc::clone(&over);
            let answer = answer(request, caller, terms.clone(), router.clone());
            async move {
                let response = answer.await;
                let lasting = response.extensions().get::<Lasting>().is_some();
                Ok::<_, Infallible>(
                    response.map(|body| Patient::new(body, lasting, limits.request_timeout, over)),
                )
            }
        });
        // Nobody is waited for who connects and never asks. Later requests of HTTP/1.1 have a limit of their own, and
        // HTTP/2 has its pings.
        let silent = async {
            if timeout(limits.header_timeout, first.notified()).await.is_ok() {
                pending::<()>().await;
            }
        };
        let builder = builder(&limits);
        let stream = TokioIo::new(Taken::within(limits.request_timeout, stream));
        let connection = builder.serve_connection(stream, service).into_owned();
        tokio::select! {
            ended = watcher.watch(connection) => {
                if let Err(error) = ended {
                    tracing::debug!(%source, error, "the connection ended");
                }
            }
            () = silent => tracing::debug!(%source, "no request came in time"),
            () = unread.notified() => tracing::debug!(%source, "answers were not read in time"),
        }
    }
}

async fn answer(request: Request<Incoming>, caller: Caller, terms: Terms, router: Router) -> Response<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(terms);
    let Ok(response) = router.oneshot(request).await;
    response
}
