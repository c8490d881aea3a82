//! The QUIC endpoint: lets connections in and hands them on by ALPN.

use std::sync::Arc;

use axum::Router;
use quinn::{Endpoint, Incoming, VarInt, crypto::rustls::HandshakeData};
use rustls_pki_types::CertificateDer;
use tokio::{sync::watch, task::JoinSet};

use super::{ALPN_FRAMED, ALPN_H3, framed, h3, limits::Gate, tls};
use crate::{
    domain::{device::Caller, ports::Signer},
    frames::{Terms, stopped},
};

/// Streams of an `h3` connection: browsers send many requests at once.
const H3_STREAMS: u32 = 100;
/// What all of them may hold unread.
const H3_WINDOW: u32 = 512 * 1024;

pub(super) async fn serve(
    endpoint: Endpoint,
    router: Router,
    signer: Arc<dyn Signer>,
    gate: Gate,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => {
                let Some(incoming) = incoming else { break };
                if gate.is_busy() && !incoming.remote_address_validated() && incoming.may_retry() {
                    // The source proves that it receives at its address before anything is kept for it.
                    if incoming.retry().is_err() {
                        tracing::debug!("a retry was not sent");
                    }
                    continue;
                }
                let Some(pass) = gate.enter(incoming.remote_address().ip(), "quic") else {
                    incoming.refuse();
                    continue;
                };
                let (router, signer, gate, stop) = (router.clone(), Arc::clone(&signer), gate.clone(), stop.clone());
                connections.spawn(async move {
                    connection(incoming, router, signer, &gate, stop).await;
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
    // New connections are refused from here on; those that exist finish.
    endpoint.set_server_config(None);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    incoming: Incoming,
    router: Router,
    signer: Arc<dyn Signer>,
    gate: &Gate,
    stop: watch::Receiver<bool>,
) {
    let source = incoming.remote_address().ip();
    let Ok(connecting) = incoming.accept() else { return };
    let connection = match tokio::time::timeout(gate.limits().header_timeout, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%source, %error, "no handshake"),
        Err(_) => return tracing::debug!(%source, "the handshake took too long"),
    };
    let identity =
        connection.peer_identity().and_then(|identity| identity.downcast::<Vec<CertificateDer<'_>>>().ok());
    let caller = Caller { device: tls::device(identity.as_deref().map(Vec::as_slice)), source };
    let handshake = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let alpn = handshake.and_then(|data| data.protocol).unwrap_or_default();
    let limits = gate.limits();
    let terms = Terms::new(limits.in_flight, limits.request_timeout, stop);
    if alpn == ALPN_FRAMED {
        framed::serve(connection, caller, signer, terms).await;
    } else if alpn == ALPN_H3 {
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(H3_STREAMS));
        connection.set_receive_window(VarInt::from_u32(H3_WINDOW));
        h3::serve(connection, caller, router, *limits, terms).await;
    }
}
