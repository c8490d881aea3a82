//! A way to a server over UDP that gets slow, loses and disorders what it carries, goes by another port or breaks off when
//! it is told to.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::random::Seeded;

/// How long a thread may take to notice that the relay is gone.
const NOTICE: Duration = Duration::from_millis(100);
/// Silence after which the way back to a client is given up: its connection has ended.
const FORGOTTEN: Duration = Duration::from_secs(90);
const MAX_DATAGRAM: usize = 65_536;

/// Carries datagrams of any number of clients to one server and back. Ends on drop.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    way: Mutex<Way>,
    carried: AtomicU64,
    retries: AtomicU64,
    /// How often it has changed the ports that the server sees.
    ports: AtomicUsize,
    over: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Way {
    /// Datagrams, both ways together, until it breaks off; `None` for never.
    left: Option<usize>,
    /// How long each one takes.
    delay: Duration,
    rough: Option<Rough>,
}

/// What happens to datagrams on a way that is not good, so many of a hundred each.
#[derive(Clone, Copy, Debug)]
pub struct Rough {
    /// Lost.
    pub lost: usize,
    /// Carried twice.
    pub doubled: usize,
    /// Carried after those behind them.
    pub late: usize,
    /// What decides which.
    pub seed: u64,
}

impl Relay {
    /// Starts one to this server.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let socket = bind();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&shared);
        thread::spawn(move || serve(&socket, server, &inner));
        Self { address, shared }
    }

    /// Where clients find it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Carries everything at once again.
    pub fn open(&self) {
        self.set(Way::default());
    }

    /// Carries nothing any more; what is on the way is lost.
    pub fn cut(&self) {
        self.set(Way { left: Some(0), ..Way::default() });
    }

    /// Carries so many datagrams more.
    pub fn cut_after(&self, datagrams: usize) {
        self.set(Way { left: Some(datagrams), ..Way::default() });
    }

    /// Takes so long for each datagram.
    pub fn slow(&self, delay: Duration) {
        self.set(Way { delay, ..Way::default() });
    }

    /// Loses, doubles and disorders.
    pub fn roughen(&self, rough: Rough) {
        self.set(Way { rough: Some(rough), ..Way::default() });
    }

    /// Sends by another port from now on, for each client, as a gateway does that forgot them.
    pub fn rebind(&self) {
        self.shared.ports.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it has broken off.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.shared.way.lock().unwrap().left == Some(0)
    }

    /// Bytes of all datagrams that it carried so far, both ways together, without the headers of UDP and IP.
    #[must_use]
    pub fn carried_bytes(&self) -> u64 {
        self.shared.carried.load(Ordering::Relaxed)
    }

    /// How often the server demanded that a client proves its address (RFC 9000, 17.2.5).
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.shared.retries.load(Ordering::Relaxed)
    }

    fn set(&self, way: Way) {
        *self.shared.way.lock().unwrap() = way;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// Carries one datagram, if the way is there at its end too.
    fn carry(&self, mut send: impl FnMut() -> io::Result<usize>) {
        let delay = self.way.lock().unwrap().delay;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        let mut way = self.way.lock().unwrap();
        if let Some(rough) = &mut way.rough {
            let mut draws = Seeded::new(rough.seed);
            rough.seed = draws.word();
            let draw = draws.below(100);
            if draw < rough.lost {
                return;
            }
            if draw < rough.lost + rough.doubled {
                let _ = send();
            }
        }
        match &mut way.left {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => {}
        }
        // Nobody at the other end: as lost as any other.
        if let Ok(length) = send() {
            self.carried.fetch_add(length as u64, Ordering::Relaxed);
        }
    }

    /// Whether the next datagram is to be carried after the one behind it.
    fn is_late(&self) -> bool {
        let mut way = self.way.lock().unwrap();
        way.rough.as_mut().is_some_and(|rough| {
            let mut draws = Seeded::new(rough.seed);
            rough.seed = draws.word();
            draws.below(100) < rough.late
        })
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

fn bind() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(NOTICE)).unwrap();
    socket
}

/// From the clients to the server; for each client a thread for the way back.
fn serve(socket: &UdpSocket, server: SocketAddr, shared: &Arc<Shared>) {
    let mut upstream: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; MAX_DATAGRAM];
    let (mut held, mut ports) = (None::<(Vec<u8>, Arc<UdpSocket>)>, 0);
    while !shared.is_over() {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        let now = shared.ports.load(Ordering::Relaxed);
        if std::mem::replace(&mut ports, now) != now {
            // What is on the way to the ports before still arrives.
            upstream.clear();
        }
        // Its thread has ended, because nothing came for long.
        upstream.retain(|other, up| *other != client || Arc::strong_count(up) > 1);
        let up = upstream.entry(client).or_insert_with(|| {
            let up = Arc::new(bind());
            let (back, down, shared) = (Arc::clone(&up), socket.try_clone().unwrap(), Arc::clone(shared));
            thread::spawn(move || answer(&back, &down, client, &shared, now));
            up
        });
        if held.is_none() && shared.is_late() {
            held = Some((buffer[..length].to_vec(), Arc::clone(up)));
            continue;
        }
        shared.carry(|| up.send_to(&buffer[..length], server));
        if let Some((late, up)) = held.take() {
            shared.carry(|| up.send_to(&late, server));
        }
    }
}

/// Until two changes of the ports after `ports`, or until nothing has come for long.
fn answer(up: &UdpSocket, down: &UdpSocket, client: SocketAddr, shared: &Shared, ports: usize) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut silent = Duration::ZERO;
    while !shared.is_over() && shared.ports.load(Ordering::Relaxed) < ports + 2 && silent < FORGOTTEN {
        let Ok(length) = up.recv(&mut buffer) else {
            silent += NOTICE;
            continue;
        };
        silent = Duration::ZERO;
        // Long header, type 3.
        if buffer[0] & 0xf0 == 0xf0 {
            shared.retries.fetch_add(1, Ordering::Relaxed);
        }
        shared.carry(|| down.send_to(&buffer[..length], client));
    }
}
