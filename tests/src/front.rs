//! One address for several nodes: each client and each connection gets the next node.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::process::free_address;

/// How long a thread may take to notice that the front is gone.
const NOTICE: Duration = Duration::from_millis(100);
const MAX_DATAGRAM: usize = 65_536;

/// Carries datagrams and connections to nodes in turn. Ends on drop.
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    nodes: Vec<SocketAddr>,
    next: AtomicUsize,
    over: AtomicBool,
}

impl Shared {
    fn node(&self) -> SocketAddr {
        self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()]
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

impl Front {
    /// Starts one, UDP and TCP.
    #[must_use]
    pub fn start(nodes: Vec<SocketAddr>) -> Self {
        let address = free_address();
        let (udp, tcp) = (UdpSocket::bind(address).unwrap(), TcpListener::bind(address).unwrap());
        udp.set_read_timeout(Some(NOTICE)).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared { nodes, next: AtomicUsize::new(0), over: AtomicBool::new(false) });
        let (datagrams, connections) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || carry_datagrams(&udp, &datagrams));
        thread::spawn(move || carry_connections(&tcp, &connections));
        Self { address, shared }
    }

    /// Where clients find it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

fn carry_datagrams(front: &UdpSocket, shared: &Arc<Shared>) {
    let mut clients: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut buffer = vec![0; MAX_DATAGRAM];
    while !shared.is_over() {
        let Ok((length, client)) = front.recv_from(&mut buffer) else { continue };
        let to_node = clients.entry(client).or_insert_with(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.connect(shared.node()).unwrap();
            socket.set_read_timeout(Some(NOTICE)).unwrap();
            let (back, front, shared) =
                (socket.try_clone().unwrap(), front.try_clone().unwrap(), Arc::clone(shared));
            thread::spawn(move || carry_back(&back, &front, client, &shared));
            socket
        });
        // A node that is not there is what QUIC is told by silence.
        let _ = to_node.send(&buffer[..length]);
    }
}

fn carry_back(node: &UdpSocket, front: &UdpSocket, client: SocketAddr, shared: &Shared) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    while !shared.is_over() {
        if let Ok(length) = node.recv(&mut buffer) {
            let _ = front.send_to(&buffer[..length], client);
        }
    }
}

fn carry_connections(front: &TcpListener, shared: &Shared) {
    while !shared.is_over() {
        let Ok((client, _)) = front.accept() else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        client.set_nonblocking(false).unwrap();
        if let Ok(node) = TcpStream::connect(shared.node()) {
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), node.try_clone().unwrap()),
                (node.try_clone().unwrap(), client.try_clone().unwrap()),
            ] {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    }
}
