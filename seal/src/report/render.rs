//! Reports as text and as JSON.

use core::fmt::Write as _;

use serde_json::{Value, json};

use super::{Reason, Report, SignatureReport, Verdict};

/// A language of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    English,
    /// Chinese in simplified characters.
    Chinese,
}

impl Report {
    /// The report as JSON: `{"file","format","verdict","signatures":[{"id","kind","signer","time","verdict",
    /// "reasons":[...]}],"warnings":[...]}`, with more members in each signature. A reason is its code, and if it is about
    /// something, `: ` and that.
    #[must_use]
    pub fn to_json(&self, file: &str) -> Value {
        json!({
            "file": file,
            "format": self.format.name(),
            "verdict": self.verdict().name(),
            "signatures": self.signatures.iter().map(signature).collect::<Vec<_>>(),
            "warnings": texts(&self.warnings),
        })
    }

    /// The report for people, lines with an end each.
    #[must_use]
    pub fn to_text(&self, language: Language) -> String {
        let chinese = language == Language::Chinese;
        let mut out = String::new();
        let verdict = |verdict: Verdict| match (chinese, verdict) {
            (false, verdict) => verdict.name(),
            (true, Verdict::Valid) => "有效",
            (true, Verdict::Invalid) => "无效",
            (true, Verdict::Indeterminate) => "无法确定",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}: {}", self.format.name().to_uppercase(), verdict(self.verdict()));
        for report in &self.signatures {
            let signer = report.signer.as_ref().map(|signer| signer.subject().short());
            let _ = writeln!(
                out,
                "{} [{}] {}: {}",
                report.id,
                report.kind.name(),
                signer.as_deref().unwrap_or("-"),
                verdict(report.verdict)
            );
            if let Some(seal) = &report.seal {
                let label = if chinese { "印章" } else { "seal" };
                let _ = writeln!(out, "  {label}: {} ({})", seal.name(), seal.id());
            }
            if let Some(time) = report.time {
                let label = match (chinese, time.proven) {
                    (false, true) => "time (proven by a time-stamp)",
                    (false, false) => "time",
                    (true, true) => "时间（时间戳证明）",
                    (true, false) => "时间",
                };
                let _ = writeln!(out, "  {label}: {}", time.time);
            }
            lines(&mut out, "  ", &report.reasons, language);
            lines(&mut out, "  ", &report.notes, language);
        }
        lines(&mut out, "", &self.warnings, language);
        out
    }
}

fn lines(out: &mut String, indent: &str, reasons: &[Reason], language: Language) {
    for Reason { code, detail } in reasons {
        let _ = write!(out, "{indent}- {}", code.text(language));
        let _ = if detail.is_empty() { writeln!(out) } else { writeln!(out, " ({detail})") };
    }
}

fn texts(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(ToString::to_string).collect()
}

fn signature(report: &SignatureReport) -> Value {
    let time = report.time.map(|time| time.time.to_string());
    let signer = report.signer.as_ref().map(|signer| signer.subject().to_string());
    let serial = report.signer.as_ref().map(pki::Certificate::serial_hex);
    let seal = report.seal.as_ref().map(|seal| {
        json!({
            "id": seal.id(),
            "name": seal.name(),
            "version": seal.version().number(),
            "maker": seal.maker().map(|maker| maker.subject().to_string()),
        })
    });
    let stamps: Vec<Value> = report
        .stamps
        .iter()
        .map(|stamp| {
            let area = stamp.visible();
            let round = |length: f64| (length * 100.0).round() / 100.0;
            json!({
                "page": stamp.page + 1,
                "x": round(area.x), "y": round(area.y), "width": round(area.width), "height": round(area.height),
            })
        })
        .collect();
    json!({
        "id": report.id,
        "kind": report.kind.name(),
        "signer": signer,
        "serial": serial,
        "time": time,
        "time_proven": report.time.is_some_and(|time| time.proven),
        "verdict": report.verdict.name(),
        "reasons": texts(&report.reasons),
        "notes": texts(&report.notes),
        "seal": seal,
        "stamps": stamps,
    })
}
