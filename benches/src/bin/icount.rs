//! Runs one operation so many times and nothing else, for an instruction counter: see `benches/icount`.
//!
//! `icount list`; `icount SUBJECT NAME COUNT`.
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::process::ExitCode;

use cosign_benches::{Amount, COMPUTING, Operation};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => {
            for (subject, operations) in COMPUTING {
                for operation in operations() {
                    let (amount, unit) = match operation.amount {
                        Amount::Items(count) => (count, "item"),
                        Amount::Bytes(len) => (len, "byte"),
                    };
                    println!("{subject}\t{}\t{amount}\t{unit}", operation.name);
                }
            }
            ExitCode::SUCCESS
        }
        [subject, name, count] => {
            let (Ok(count), Some(operations)) = (count.parse::<u32>(), operations(subject)) else {
                return usage();
            };
            let Some(operation) = operations.into_iter().find(|operation| operation.name == name) else {
                return usage();
            };
            let mut run = (operation.prepare)();
            for _ in 0..count {
                run();
            }
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

fn operations(subject: &str) -> Option<Vec<Operation>> {
    COMPUTING.iter().find_map(|(name, operations)| (*name == subject).then(operations))
}

fn usage() -> ExitCode {
    eprintln!("icount list | icount SUBJECT NAME COUNT");
    ExitCode::from(2)
}
