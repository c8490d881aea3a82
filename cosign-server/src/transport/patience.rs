//! How long a connection waits for a peer that does not read its answers over HTTP/1.1 and HTTP/2.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    task::JoinSet,
    time::{Sleep, sleep},
};

/// Bytes given out at a time: so little may be left in a queue for a peer that does not read.
const PIECE: usize = 16 * 1024;

/// An answer that is to be read in time. If it is not, `over` is told, which is to end the connection: there is no other
/// way to be rid of an answer that its peer keeps waiting.
pub(super) struct Patient {
    body: Body,
    rest: Bytes,
    /// The limit is for each piece, not for the whole.
    lasting: bool,
    limit: Duration,
    over: Arc<Notify>,
    alarm: JoinSet<()>,
}

impl Patient {
    pub(super) fn new(body: Body, lasting: bool, limit: Duration, over: Arc<Notify>) -> Self {
        let mut this = Self { body, rest: Bytes::new(), lasting, limit, over, alarm: JoinSet::new() };
        this.arm();
        this
    }

    fn arm(&mut self) {
        let (over, limit) = (Arc::clone(&self.over), self.limit);
        self.alarm.spawn(async move {
            sleep(limit).await;
            over.notify_one();
        });
    }
}

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.lasting {
            // What was given out before has left; from here on the wait is for what gives answers.
            self.alarm = JoinSet::new();
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        if self.lasting {
            self.arm();
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), u64::try_from(self.rest.len()).unwrap_or(u64::MAX));
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// A stream whose peer is to take what is written within a limit: what an answer left in a queue when it was done.
pub(super) struct Taken<S> {
    stream: S,
    limit: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Taken<S> {
    pub(super) const fn within(limit: Duration, stream: S) -> Self {
        Self { stream, limit, waiting: None }
    }

    fn in_time<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        ready!(self.waiting.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.in_time(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::timeout,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(20);

    fn patient(bytes: Vec<u8>, lasting: bool) -> (Patient, Arc<Notify>) {
        let over = Arc::new(Notify::new());
        (Patient::new(Body::from(bytes), lasting, LIMIT, Arc::clone(&over)), over)
    }

    #[tokio::test]
    async fn nothing_is_lost_and_no_piece_is_large() {
        let bytes: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
        let (mut body, _over) = patient(bytes.clone(), false);
        assert_eq!(body.size_hint().exact(), Some(200_000));
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            read.extend(piece);
            assert_eq!(body.size_hint().exact(), Some(200_000 - read.len() as u64));
        }
        assert!(read == bytes && body.is_end_stream());
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read_ends_the_connection() {
        for lasting in [false, true] {
            // Neither asked for nor dropped.
            let (_body, over) = patient(vec![0; 100], lasting);
            timeout(LONG, over.notified()).await.unwrap();
            // Given out in part.
            let (mut body, over) = patient(vec![0; PIECE + 1], lasting);
            body.frame().await.unwrap().unwrap();
            timeout(LONG, over.notified()).await.unwrap();
            // Read in time.
            let (body, over) = patient(vec![0; 100], lasting);
            drop(body.collect().await.unwrap());
            assert!(timeout(LIMIT * 4, over.notified()).await.is_err());
        }
    }

    #[tokio::test]
    async fn what_is_written_is_taken_in_time_or_an_error() {
        let (ours, mut theirs) = duplex(8);
        let mut stream = Taken::within(LIMIT, ours);
        for _ in 0..3 {
            stream.write_all(&[0; 8]).await.unwrap();
            theirs.read_exact(&mut [0; 8]).await.unwrap();
            // Nothing is waited for between two answers.
            sleep(LIMIT * 2).await;
        }
        let late = timeout(LONG, stream.write_all(&[0; 9])).await.unwrap();
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// Only the peer's time counts for an answer that lasts.
    #[tokio::test]
    async fn a_lasting_answer_may_take_its_time() {
        struct Never;
        impl http_body::Body for Never {
            type Data = Bytes;
            type Error = axum::Error;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
                Poll::Pending
            }
        }
        for lasting in [false, true] {
            let over = Arc::new(Notify::new());
            let mut body = Patient::new(Body::new(Never), lasting, LIMIT, Arc::clone(&over));
            assert!(timeout(LIMIT * 4, body.frame()).await.is_err());
            assert_eq!(timeout(LIMIT * 4, over.notified()).await.is_err(), lasting);
        }
    }
}
