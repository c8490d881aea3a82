//! HTTP/2 and HTTP/1.1 over TCP: by ALPN with TLS; without it on the public socket.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{limits::Gate, stall::Stalling, stopped, tls};
use crate::domain::device::Caller;

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
                if stream.set_nodelay(true).is_err() {
                    continue;
                }
                let (acceptor, router, gate) = (acceptor.clone(), router.clone(), gate.clone());
                let watcher = graceful.watcher();
                connections.spawn(async move {
                    let source = address.ip();
                    let stream = Stalling::new(stream, gate.limits().request_timeout);
                    let Some(acceptor) = acceptor else {
                        let caller = Caller { device: None, source };
                        let service = service_fn(move |request| answer(request, caller, router.clone()));
                        let builder = builder(&gate);
                        let connection = builder.serve_connection(TokioIo::new(stream), service);
                        if let Err(error) = watcher.watch(connection.into_owned()).await {
                            tracing::debug!(%source, error, "the connection ended");
                        }
                        drop(pass);
                        return;
                    };
                    let handshake = tokio::time::timeout(gate.limits().header_timeout, handshake(&acceptor, stream));
                    match handshake.await {
                        Ok(Ok(stream)) => {
                            let device = tls::device(stream.get_ref().1.peer_certificates());
                            let caller = Caller { device, source };
                            let builder = builder(&gate);
                            let service = service_fn(move |request| answer(request, caller, router.clone()));
                            let connection = builder.serve_connection(TokioIo::new(stream), service);
                            if let Err(error) = watcher.watch(connection.into_owned()).await {
                                tracing::debug!(%source, error, "the connection ended");
                            }
                        }
                        Ok(Err(error)) => tracing::debug!(%source, %error, "no handshake"),
                        Err(_) => tracing::debug!(%source, "the handshake took too long"),
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
    stream: Stalling<TcpStream>,
) -> std::io::Result<tokio_rustls::server::TlsStream<Stalling<TcpStream>>> {
    acceptor.accept(stream).await
}

fn builder(gate: &Gate) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(gate.limits().header_timeout)
        .max_buf_size(MAX_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(gate.limits().header_timeout);
    builder
}

async fn answer(
    request: Request<Incoming>,
    caller: Caller,
    router: Router,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(caller);
    router.oneshot(request).await
}
