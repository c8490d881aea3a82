//! How long the opening of a tender takes: a server as a user has it, bidders with a phone each, and as many bids as asked
//! for, locked until a time that has come.
//!
//! `tender [BIDDERS [BIDS_OF_EACH [PHONES_AT_ONCE]]]`, 20, 50 and 4 by default. Measured are the release of all locks in
//! requests of 1024, and for each bidder one approval (derivation from the PIN) with all decryptions.
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::process::ExitCode;

use cosign_tests::{process::ServerFolder, tender::Tender};

fn main() -> ExitCode {
    let mut numbers = [20, 50, 4];
    for (number, argument) in numbers.iter_mut().zip(std::env::args().skip(1)) {
        match argument.parse() {
            Ok(value @ 1..=10_000) => *number = value,
            _ => {
                eprintln!("tender [BIDDERS [BIDS_OF_EACH [PHONES_AT_ONCE]]]");
                return ExitCode::from(2);
            }
        }
    }
    let [bidders, each, phones] = numbers;
    let folder = ServerFolder::new();
    let server = folder.start();
    let tender = Tender::new(&folder, bidders);
    let sealed = tender.seal(each, 0);
    let took = tender.open(&sealed, phones);
    server.stop();
    let [locks, keys] = [took.locks, took.keys].map(|time| time.as_secs_f64());
    println!(
        "{} bids, {bidders} bidders x {each}, {phones} phones at once: locks {locks:.2} s, approvals and decryptions \
         {keys:.2} s, in all {:.2} s",
        sealed.len(),
        locks + keys
    );
    ExitCode::SUCCESS
}
