//! A way to a server over UDP that gets slow, breaks off or takes another port when it is told to.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How long a thread may take to notice that the relay is gone.
const NOTICE: Duration = Duration::from_millis(100);
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
    /// Grows with every change of ports.
    ports: AtomicU64,
    over: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Way {
    /// Datagrams, both ways together, until it breaks off; `None` for never.
    left: Option<usize>,
    /// How long each one takes.
    delay: Duration,
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
        self.set(Way { left: None, delay });
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

    /// Reaches the server from other ports from here on, as a router does that forgot its clients. What comes to the old
    /// ones is lost.
    pub fn change_ports(&self) {
        self.shared.ports.fetch_add(1, Ordering::SeqCst);
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
    fn carry(&self, send: impl FnOnce() -> io::Result<usize>) {
        let delay = self.way.lock().unwrap().delay;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        let mut way = self.way.lock().unwrap();
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
    let mut ports = 0;
    while !shared.is_over() {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        let now = shared.ports.load(Ordering::SeqCst);
        if now != ports {
            upstream.clear();
            ports = now;
        }
        let up = upstream.entry(client).or_insert_with(|| {
            let up = Arc::new(bind());
            let (back, down, shared) = (Arc::clone(&up), socket.try_clone().unwrap(), Arc::clone(shared));
            thread::spawn(move || answer(&back, &down, client, &shared, ports));
            up
        });
        shared.carry(|| up.send_to(&buffer[..length], server));
    }
}

fn answer(up: &UdpSocket, down: &UdpSocket, client: SocketAddr, shared: &Shared, ports: u64) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    while !shared.is_over() && shared.ports.load(Ordering::SeqCst) == ports {
        let Ok(length) = up.recv(&mut buffer) else { continue };
        // Long header, type 3.
        if buffer[0] & 0xf0 == 0xf0 {
            shared.retries.fetch_add(1, Ordering::Relaxed);
        }
        shared.carry(|| down.send_to(&buffer[..length], client));
    }
}
