//! Random faults against real processes while owners use their keys; then everything that was answered is compared with the
//! log, and every disk is searched for secrets.
//!
//! `./test faults [MINUTES] [SEED]` runs it for long, on a PostgreSQL server with several nodes and on a file with one.
//! `COSIGN_FAULTS_SEED` repeats the faults of a run; what the owners do depends on the moment as well.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod checks;
mod database;
mod faults;
mod ledger;
mod make;
mod office;
mod secrets;
mod site;
mod way;
mod workload;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use cosign_core::{DeviceKey, Purpose, Suite};
use cosign_tests::{
    network::{Device, Peer, now_ms},
    postgres,
    random::Seeded,
};

use crate::{
    faults::Incident,
    ledger::Ledger,
    office::{Certain, Customer},
    secrets::Search,
    site::Site,
    way::Way,
    workload::{Owner, PINS, WRONG_PIN},
};

/// Fewer answers than these mean nothing, and how much longer they are waited for.
const ENOUGH: u64 = 30;
const GRACE: Duration = Duration::from_secs(300);
/// How often a witness looks at the log of a long run.
const WITNESS: Duration = Duration::from_secs(120);

fn seed() -> u64 {
    std::env::var("COSIGN_FAULTS_SEED").map_or_else(|_| now_ms(), |seed| seed.parse().unwrap())
}

/// One node on a file; with a PostgreSQL server, so many nodes on one.
#[test]
fn random_faults_for_a_short_while() {
    let on_server = std::env::var_os("COSIGN_TEST_POSTGRES").is_some();
    let nodes = if on_server { postgres::nodes() } else { 1 };
    run(nodes, on_server, Duration::from_secs(25), seed());
}

/// Half of the time is for several nodes, half for one.
fn half() -> Duration {
    let minutes: u64 = std::env::var("COSIGN_FAULTS_MINUTES").map_or(60, |minutes| minutes.parse().unwrap());
    Duration::from_secs(30 * minutes)
}

#[test]
#[ignore = "runs for half of COSIGN_FAULTS_MINUTES: `./test faults`"]
fn random_faults_for_long_on_a_server() {
    run(postgres::nodes().max(2), true, half(), seed());
}

#[test]
#[ignore = "runs for half of COSIGN_FAULTS_MINUTES: `./test faults`"]
fn random_faults_for_long_on_a_file() {
    run(1, false, half(), seed());
}

fn way(site: &Site, device: Option<Device>, draws: &mut Seeded) -> Way {
    let ca = site.folder.file("ca.pem");
    let peer = |address| Peer::new(address, &ca, device.clone());
    let relays = site.nodes.iter().map(|node| peer(node.relay.address())).collect();
    let direct = site.folder.nodes().iter().map(|address| peer(*address)).collect();
    Way::new(relays, direct, Seeded::new(draws.word()))
}

fn owner(
    site: &Site,
    device: Option<Device>,
    index: usize,
    draws: &mut Seeded,
    ledger: &Arc<Ledger>,
    stop: &Arc<AtomicBool>,
) -> Owner {
    let kinds = [(Suite::D, Purpose::Sign), (Suite::F2, Purpose::Sign), (Suite::D, Purpose::Encrypt)];
    let (suite, purpose) = kinds[index % kinds.len()];
    let device_key: [u8; 32] = draws.bytes(32).try_into().unwrap();
    ledger.secret("a device's secret", &device_key);
    Owner {
        way: way(site, device, draws),
        suite,
        purpose,
        device_key: DeviceKey::from_bytes(device_key),
        draws: Seeded::new(draws.word()),
        ledger: Arc::clone(ledger),
        stop: Arc::clone(stop),
        index,
        names: 0,
        counter: 0,
    }
}

#[expect(clippy::disallowed_methods, reason = "a rig has a clock")]
fn run(nodes: usize, on_server: bool, lasts: Duration, seed: u64) {
    eprintln!("{nodes} nodes{}, seed {seed}", if on_server { " on PostgreSQL" } else { "" });
    let mut site = Site::start(nodes, on_server);
    let begun = Instant::now();
    let mut incidents: Vec<(Duration, Incident)> = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| attempt(&mut site, begun, lasts, seed, &mut incidents)));
    if let Err(panic) = outcome {
        eprintln!("seed {seed}; what was done to it, by the seconds since the beginning:");
        for (at, incident) in &incidents {
            eprintln!("  {:7.1} {:?}", at.as_secs_f64(), incident.faults);
        }
        eprintln!("{}\nagain: ./test faults {} {seed}", site.end_of_log(), lasts.as_secs().div_ceil(30));
        resume_unwind(panic);
    }
}

fn attempt(
    site: &mut Site,
    begun: Instant,
    lasts: Duration,
    seed: u64,
    incidents: &mut Vec<(Duration, Incident)>,
) {
    let (ledger, stop) = (Arc::new(Ledger::default()), Arc::new(AtomicBool::new(false)));
    let mut draws = Seeded::new(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut owners = Vec::new();
    for index in 0..3 * site.nodes.len() {
        let mut owner = owner(site, Some(Device::unknown()), index, &mut draws, &ledger, &stop);
        let code = site.folder.enrolment_code();
        runtime.block_on(make::enrol(&mut owner, &code));
        ledger.secret("an enrolment code", code.as_bytes());
        owners.push(runtime.spawn(owner.work()));
    }
    let certain = Certain::on(&site.stage());
    // Its keys.
    ledger.book().asked.extend(["to sign", "to decrypt"].map(String::from));
    let device = Some(certain.user.phone().device());
    let phone = owner(site, device, owners.len(), &mut draws, &ledger, &stop);
    let customer = runtime.spawn(Customer::new(certain, phone, way(site, None, &mut draws)).work());
    let (mut seen, mut witnessed) = (None, 0);
    // On a busy machine it may take long until there is something to compare.
    let enough = || {
        let book = ledger.book();
        book.counts.values().sum::<u64>() > ENOUGH && book.counts.contains_key("logins")
    };
    while begun.elapsed() < lasts || (!enough() && begun.elapsed() < lasts + GRACE) {
        let incident = Incident::draw(&mut draws, site.nodes.len(), site.database.is_some());
        incidents.push((begun.elapsed(), incident.clone()));
        incident.happen(site);
        // An owner ends early only by a failure.
        assert!(owners.iter().all(|owner| !owner.is_finished()), "an owner has stopped");
        assert!(!customer.is_finished(), "the customer has stopped");
        if begun.elapsed() > WITNESS * (witnessed + 1) {
            witnessed += 1;
            seen = Some(checks::witness(&site.folder, site.tools(), seen, witnessed as usize));
        }
    }
    stop.store(true, Ordering::Relaxed);
    for owner in owners {
        runtime.block_on(owner).unwrap();
    }
    assert!(enough(), "too little was answered to mean anything");
    runtime.block_on(customer).unwrap().check();
    seen = Some(checks::witness(&site.folder, site.tools(), seen, 0));
    for node in 0..site.nodes.len() {
        site.terminate(node);
    }
    let _ = checks::witness(&site.folder, site.tools(), seen, usize::MAX);
    let book = ledger.book();
    let records = checks::compare(&site.folder, &book);
    eprintln!("{} incidents, {records} records; answered: {:?}", incidents.len(), book.counts);
    search(site, &book);
}

/// The master key is in its own file, and nothing else anywhere.
fn search(site: &Site, book: &ledger::Book) {
    let master: Vec<_> =
        (0..site.nodes.len()).map(|node| site.folder.node_folder(node).join("master.key")).collect();
    let key = fs::read(&master[0]).unwrap();
    let mut secrets: Vec<_> = book.secrets.iter().map(|(name, secret)| (*name, &secret[..])).collect();
    secrets.extend(PINS.iter().chain([&WRONG_PIN]).map(|pin| ("a PIN", pin.as_bytes())));
    secrets.push(("the master key", &key[..]));
    let search = Search::new(secrets);
    let found = search.find(&site.places(), &master);
    assert!(found.is_empty(), "secrets on the disk: {found:?}");
    assert!(!search.find(&[site.folder.data()], &[]).is_empty(), "the search does not find what is there");
}
