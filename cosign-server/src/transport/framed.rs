//! `cosign/1`: long-lived streams of frames, answered by [`frames::serve`].
//!
//! Backpressure is QUIC's: a connection with its share of frames under way is not read from until one is answered,
//! and a client that does not read its answers gets no new frames read.

use std::sync::Arc;

use futures_util::stream::unfold;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    domain::{device::Caller, ports::Signer},
    frames::{self, Ended, Pause, READ, Terms},
};

/// The peer broke the framing.
const CLOSE_FRAMING: VarInt = VarInt::from_u32(1);
/// The peer does not read its answers.
const RESET_UNREAD: VarInt = VarInt::from_u32(2);

/// Serves all streams of a connection until it ends, or until the server stops and what was begun is answered.
pub(super) async fn serve(connection: Connection, caller: Caller, signer: Arc<dyn Signer>, terms: Terms) {
    let mut streams = JoinSet::new();
    let window = terms.follow_window(|open| connection.set_receive_window(open.into()));
    tokio::pin!(window);
    loop {
        tokio::select! {
            accepted = connection.accept_bi() => {
                let Ok((send, recv)) = accepted else { break };
                streams.spawn(stream(send, recv, caller, Arc::clone(&signer), terms.clone()));
            }
            Some(ended) = streams.join_next() => match ended {
                Ok(Err(error @ Ended::Framing(_))) => {
                    tracing::debug!(%error, "framing");
                    connection.close(CLOSE_FRAMING, b"framing");
                }
                Ok(Err(error)) => tracing::debug!(%error, "a stream ended"),
                _ => {}
            },
            never = &mut window => match never {},
            () = terms.stopped() => break,
        }
    }
    tokio::select! {
        () = async { while streams.join_next().await.is_some() {} } => {}
        never = &mut window => match never {},
    }
    connection.close(VarInt::from_u32(0), b"");
}

async fn stream(
    mut send: SendStream,
    recv: RecvStream,
    caller: Caller,
    signer: Arc<dyn Signer>,
    terms: Terms,
) -> Result<(), Ended> {
    let limit = terms.limit();
    let input = Box::pin(unfold(recv, async |mut recv| {
        let chunk = recv.read_chunk(READ, true).await.transpose()?;
        Some((chunk.map(|chunk| chunk.bytes), recv))
    }));
    let ended = frames::serve(input, &mut send, caller, signer, terms, Pause::Allowed).await;
    if ended == Err(Ended::Unread) {
        // It is gone already if this fails.
        let _ = send.reset(RESET_UNREAD);
    } else if send.finish().is_ok() {
        // The peer has everything before the connection is closed, unless it does not want it.
        drop(timeout(limit, send.stopped()).await);
    }
    ended
}
