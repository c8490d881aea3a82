//! Prints the table of figures, see BENCHMARKS.md.
//!
//! `table [--json] [--seconds N] [ROW..]`: as Markdown, or one JSON object a line. N seconds for each row (default 5);
//! all rows, or those whose name begins so. With the feature `cpu-switch`, the environment variable `SM_CPU_OFF` takes
//! instructions away, as sm-primitives/src/low/x86_64/cpu.rs says; short operations are then a little slower.
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::{process::ExitCode, time::Duration};

use cosign_benches::table::{Figures, Goal, measure};

fn main() -> ExitCode {
    let (mut json, mut each, mut names) = (false, 5.0, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--seconds" => match arguments.next().and_then(|value| value.parse::<f64>().ok()) {
                Some(value) if value > 0.0 && value < 3600.0 => each = value,
                _ => return usage(),
            },
            name if !name.starts_with('-') => names.push(name.to_owned()),
            _ => return usage(),
        }
    }
    let wanted = |op: &str| names.is_empty() || names.iter().any(|name| op.starts_with(name.as_str()));
    let rows = measure(Duration::from_secs_f64(each), wanted);
    if json {
        rows.iter().for_each(|row| println!("{}", object(row)));
    } else {
        println!("Machine: {}\n", machine());
        println!("| row | rate | yardstick | its rate | ratio | at least | reach |");
        println!("|---|---:|---|---:|---:|---:|---:|");
        rows.iter().for_each(|row| println!("{}", line(row)));
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("table [--json] [--seconds N] [ROW..]");
    ExitCode::from(2)
}

fn object(row: &Figures) -> String {
    let number = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:.3}"));
    format!(
        r#"{{"op":"{}","rate":{:.3},"unit":"{}","yardstick":"{}","yardstick_rate":{},"ratio":{}}}"#,
        row.op,
        row.rate,
        row.unit,
        if row.yardstick_rate.is_some() { row.yardstick.name() } else { "yardstick absent" },
        number(row.yardstick_rate),
        number(row.ratio())
    )
}

fn line(row: &Figures) -> String {
    let (least, reach) = match row.goal {
        Goal::Times(least, reach) => (format!("{least}x"), format!("{reach}x")),
        Goal::Megabytes(least) => (format!("{least} MB/s"), String::new()),
    };
    let digits = usize::from(row.unit == "MB/s");
    let rate = |value: f64| format!("{value:.digits$} {}", row.unit);
    format!(
        "| {} | {} | {} | {} | {} | {least} | {reach} |",
        row.op,
        rate(row.rate),
        row.yardstick.name(),
        row.yardstick_rate.map_or("yardstick absent".to_owned(), rate),
        row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}x"))
    )
}

/// The processor's name and what it has of what the engines use.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let known =
        ["bmi2", "adx", "avx2", "aes", "pclmulqdq", "vaes", "vpclmulqdq", "gfni", "avx512f", "avx512ifma"];
    let has: Vec<_> = field("flags").split(' ').filter(|flag| known.contains(flag)).collect();
    let off = std::env::var("SM_CPU_OFF").ok().filter(|_| cfg!(feature = "cpu-switch"));
    let off = off.map_or(String::new(), |off| format!(", without {off}"));
    format!("{} ({}{off})", field("model name"), has.join(" "))
}
