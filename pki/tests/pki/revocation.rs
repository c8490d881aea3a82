//! What revocation lists do to verdicts.

use std::slice::from_ref;

use pki::RevocationList;
use pki::crl::RevocationReason;
use pki::validate::{Code, Report, Revocation, Status, Terms, Validator};

use crate::issuer::{Party, Template, entry, extension, list, list_der, reason, seq, tlv};
use crate::support::time;

/// A trust anchor that issued one certificate, serial number 3, valid in 2026.
struct World {
    root: Party,
    template: Template,
    anchor: Template,
}

const JUNE: &str = "2026-06-01T00:00:00Z";
/// Current in June.
const CURRENT: (&str, &str) = ("2026-05-20T00:00:00Z", "2026-06-20T00:00:00Z");

impl World {
    fn new() -> Self {
        Self { root: Party::new("Root"), template: Template::signer(3), anchor: Template::ca(1) }
    }

    fn list(&self, dates: (&str, &str), entries: &[Vec<u8>]) -> RevocationList {
        list(&self.root, 1, dates, entries, &[])
    }

    fn with(&self, extensions: &[Vec<u8>], entries: &[Vec<u8>]) -> RevocationList {
        list(&self.root, 1, CURRENT, entries, extensions)
    }

    fn judge(&self, lists: &[RevocationList], revocation: Revocation) -> Report {
        let anchor = self.anchor.issue(&self.root, &self.root);
        let certificate = self.template.issue(&Party::new("signer"), &self.root);
        let validator =
            lists.iter().cloned().fold(Validator::new().with_anchor(anchor), Validator::with_list);
        let report = validator.validate(&certificate, &[], Terms::at(time(JUNE)).with_revocation(revocation));
        assert_eq!(report.statuses.get(1), Some(&Status::NotAsked), "the trust anchor");
        report
    }

    /// Status and codes, where a status is required.
    fn outcome(&self, lists: &[RevocationList]) -> (Status, Vec<Code>) {
        let report = self.judge(lists, Revocation::Require);
        (report.statuses[0], report.reasons.iter().map(|reason| reason.code).collect())
    }

    fn notes(&self, lists: &[RevocationList]) -> Vec<Code> {
        self.judge(lists, Revocation::IfKnown).notes.iter().map(|note| note.code).collect()
    }
}

fn missing() -> (Status, Vec<Code>) {
    (Status::Missing, vec![Code::NoStatus])
}

fn revoked(date: &str, since: &str, reason: RevocationReason, codes: &[Code]) -> (Status, Vec<Code>) {
    (Status::Revoked { date: time(date), since: time(since), reason }, codes.to_vec())
}

#[test]
fn what_a_missing_status_means() {
    let world = World::new();
    assert_eq!(world.outcome(&[]), missing());
    let report = world.judge(&[], Revocation::IfKnown);
    assert!(report.is_valid() && report.statuses[0] == Status::Missing);
    let good = world.list(CURRENT, &[entry(4, "2026-05-01T00:00:00Z", &[])]);
    assert_eq!(world.outcome(&[good]), (Status::Good, vec![]));
    let against = world.list(CURRENT, &[entry(3, "2026-05-01T00:00:00Z", &[])]);
    let report = world.judge(&[against], Revocation::Ignore);
    assert!(report.is_valid() && report.statuses[0] == Status::NotAsked);
}

#[test]
fn revoked_before_and_after() {
    let world = World::new();
    let (may, july) = ("2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z");
    let at = world.list(CURRENT, &[entry(3, may, &[reason(1)])]);
    assert_eq!(world.outcome(&[at]), revoked(may, may, RevocationReason::KeyCompromise, &[Code::Revoked]));
    let exactly = world.list(CURRENT, &[entry(3, JUNE, &[])]);
    assert_eq!(
        world.outcome(&[exactly]),
        revoked(JUNE, JUNE, RevocationReason::Unspecified, &[Code::Revoked])
    );

    let later = world.list(("2026-07-02T00:00:00Z", "2026-08-01T00:00:00Z"), &[entry(3, july, &[reason(4)])]);
    assert_eq!(world.outcome(from_ref(&later)), revoked(july, july, RevocationReason::Superseded, &[]));
    assert_eq!(world.notes(&[later]), [Code::RevokedLater]);
    let invalidity = extension("2.5.29.24", false, &tlv(0x18, &[b"20260501000000Z"]));
    let since = world
        .list(("2026-07-02T00:00:00Z", "2026-08-01T00:00:00Z"), &[entry(3, july, &[reason(1), invalidity])]);
    assert_eq!(
        world.outcome(&[since]),
        revoked(july, may, RevocationReason::KeyCompromise, &[Code::Revoked])
    );
}

#[test]
fn lists_of_other_times() {
    let world = World::new();
    let stale = world.list(("2026-04-01T00:00:00Z", "2026-05-31T23:59:59Z"), &[]);
    assert_eq!(world.outcome(from_ref(&stale)), (Status::Stale, vec![Code::StaleCrl]));
    assert!(world.judge(from_ref(&stale), Revocation::IfKnown).has(Code::StaleCrl));
    assert_eq!(world.outcome(&[stale, world.list(CURRENT, &[])]), (Status::Good, vec![]));
    let until = world.list(("2026-04-01T00:00:00Z", JUNE), &[]);
    assert_eq!(world.outcome(&[until]), (Status::Good, vec![]), "to the last second");
    let endless = world.list(("2026-04-01T00:00:00Z", ""), &[]);
    assert_eq!(world.outcome(&[endless]), (Status::Good, vec![]));
    // What is revoked stays revoked, unless on hold.
    let may = "2026-05-01T00:00:00Z";
    let dates = ("2026-05-02T00:00:00Z", "2026-05-10T00:00:00Z");
    let stale = world.list(dates, &[entry(3, may, &[reason(1)])]);
    let expected = revoked(may, may, RevocationReason::KeyCompromise, &[Code::Revoked]);
    assert_eq!(world.outcome(&[world.list(CURRENT, &[]), stale]), expected);
    let hold = world.list(dates, &[entry(3, may, &[reason(6)])]);
    assert_eq!(world.outcome(&[hold.clone(), world.list(CURRENT, &[])]), (Status::Good, vec![]));
    let expected = revoked(may, may, RevocationReason::CertificateHold, &[Code::Revoked]);
    assert_eq!(world.outcome(&[hold]), expected);
    // Made later: good evidence, until the certificate had expired.
    let later = world.list(("2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z"), &[]);
    assert_eq!(world.outcome(&[later]), (Status::Good, vec![]));
    let too_late = world.list(("2027-01-02T00:00:00Z", "2027-01-31T00:00:00Z"), &[]);
    assert_eq!(world.outcome(&[too_late]), missing());
}

#[test]
fn lists_that_do_not_count() {
    let world = World::new();
    let against = [entry(3, "2026-05-01T00:00:00Z", &[])];
    let forged = list(&Party::new("Root"), 1, CURRENT, &against, &[]);
    assert_eq!(world.outcome(from_ref(&forged)), missing());
    assert_eq!(world.notes(&[forged]), [Code::UnusedEvidence]);
    let of_other = list(&Party::new("Other"), 1, CURRENT, &against, &[]);
    assert_eq!(world.outcome(from_ref(&of_other)), missing());
    assert_eq!(world.notes(&[of_other]), []);
    let unknown = world.with(&[extension("1.2.3.4", true, &[5, 0])], &[]);
    assert_eq!(world.outcome(from_ref(&unknown)), missing());
    assert_eq!(world.notes(&[unknown]), [Code::UnusedEvidence]);
    let known = world.with(&[extension("1.2.3.4", false, &[5, 0])], &[]);
    assert_eq!(world.outcome(&[known]), (Status::Good, vec![]));
    let may_not = World { anchor: Template::new(1).basic(true, None).usage(0x04), ..World::new() };
    assert_eq!(may_not.notes(&[may_not.list(CURRENT, &against)]), [Code::UnusedEvidence]);
}

#[test]
fn what_a_list_is_about() {
    let world = World::new();
    let about = |fields: &[&[u8]]| world.with(&[extension("2.5.29.28", true, &seq(fields))], &[]);
    let point = |uri: &str| tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[uri.as_bytes()])])]);
    let good = (Status::Good, vec![]);
    assert_eq!(world.outcome(&[about(&[])]), good);
    assert_eq!(world.outcome(&[about(&[&[0x81, 1, 0xff]])]), good, "only end entities");
    assert_eq!(world.outcome(&[about(&[&[0x82, 1, 0xff]])]), missing(), "only CAs");
    assert_eq!(world.outcome(&[about(&[&[0x85, 1, 0xff]])]), missing(), "only attributes");
    assert_eq!(world.outcome(&[about(&[&[0x84, 1, 0xff]])]), missing(), "indirect");
    assert_eq!(world.outcome(&[about(&[&[0x83, 2, 6, 0x40]])]), missing(), "only some reasons");
    assert_eq!(world.outcome(&[about(&[&point("http://a")])]), missing(), "another point");
    let points = seq(&[&seq(&[&point("http://a")])]);
    let with_point =
        World { template: Template::signer(3).with("2.5.29.31", false, &points), ..World::new() };
    let about =
        |uri| list(&with_point.root, 1, CURRENT, &[], &[extension("2.5.29.28", true, &seq(&[&point(uri)]))]);
    assert_eq!(with_point.outcome(&[about("http://a")]), good);
    assert_eq!(with_point.outcome(&[about("http://b")]), missing());
    let ca = World { template: Template::ca(3), ..World::new() };
    let users = list(&ca.root, 1, CURRENT, &[], &[extension("2.5.29.28", true, &seq(&[&[0x81, 1, 0xff]]))]);
    assert_eq!(ca.outcome(&[users]), missing());
}

#[test]
fn delta_lists() {
    let world = World::new();
    let may = "2026-05-25T00:00:00Z";
    let delta = |base: u8, number: u8, entries: &[Vec<u8>]| {
        let indicator = extension("2.5.29.27", true, &[2, 1, base]);
        let dates = ("2026-05-30T00:00:00Z", "2026-06-05T00:00:00Z");
        list(&world.root, number, dates, entries, &[indicator])
    };
    let full = |entries: &[Vec<u8>]| list(&world.root, 5, CURRENT, entries, &[]);
    let against = entry(3, may, &[reason(4)]);
    let expected = revoked(may, may, RevocationReason::Superseded, &[Code::Revoked]);
    assert!(delta(5, 6, &[]).is_delta() && delta(5, 6, &[]).adds_to(&full(&[])));
    assert_eq!(world.outcome(&[full(&[]), delta(5, 6, from_ref(&against))]), expected);
    assert_eq!(world.outcome(&[full(from_ref(&against)), delta(5, 6, &[])]), expected);
    let released = [entry(3, may, &[reason(8)])];
    let hold = [entry(3, may, &[reason(6)])];
    assert_eq!(world.outcome(&[full(&hold), delta(5, 6, &released)]), (Status::Good, vec![]));
    // Made for a later list, or not later than this one; alone it says nothing.
    assert!(!delta(6, 7, &[]).adds_to(&full(&[])) && !delta(4, 5, &[]).adds_to(&full(&[])));
    assert_eq!(world.outcome(&[full(&[]), delta(6, 7, from_ref(&against))]), (Status::Good, vec![]));
    assert_eq!(world.outcome(&[delta(5, 6, &[])]), missing());
    // A full list that is out of date is renewed by its delta list.
    let old = list(&world.root, 5, ("2026-05-01T00:00:00Z", "2026-05-20T00:00:00Z"), &[], &[]);
    assert_eq!(world.outcome(from_ref(&old)), (Status::Stale, vec![Code::StaleCrl]));
    assert_eq!(world.outcome(&[old, delta(5, 6, &[])]), (Status::Good, vec![]));
}

#[test]
fn a_revoked_ca_is_told_by_name() {
    let (root, ca) = (Party::new("Root"), Party::new("CA"));
    let validator = Validator::new()
        .with_anchor(Template::ca(1).issue(&root, &root))
        .with_intermediate(Template::ca(2).issue(&ca, &root))
        .with_list(list(&root, 1, CURRENT, &[entry(2, "2026-05-01T00:00:00Z", &[reason(2)])], &[]))
        .with_list(list(&ca, 1, CURRENT, &[], &[]));
    let leaf = Template::signer(2).issue(&Party::new("signer"), &ca);
    let report = validator.validate(&leaf, &[], Terms::at(time(JUNE)).with_revocation(Revocation::Require));
    let reasons: Vec<String> = report.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        ["revoked: CA: revoked at 2026-05-01T00:00:00Z, cACompromise; judged at 2026-06-01T00:00:00Z"]
    );
    assert_eq!(report.statuses[0], Status::Good, "the same serial number of another issuer");
}

#[test]
fn malformed_lists_are_none() {
    let root = Party::new("Root");
    let broken_entry = seq(&[&[2, 1, 3]]);
    assert!(RevocationList::from_der(&list_der(&root, 1, CURRENT, &[broken_entry], &[])).is_err());
    let unknown_reason = entry(3, JUNE, &[reason(7)]);
    assert!(RevocationList::from_der(&list_der(&root, 1, CURRENT, &[unknown_reason], &[])).is_err());
    let twice = extension("2.5.29.20", false, &[2, 1, 1]);
    assert!(RevocationList::from_der(&list_der(&root, 1, CURRENT, &[], &[twice])).is_err());
    let good = list_der(&root, 1, CURRENT, &[], &[]);
    assert!(RevocationList::from_der(&good).is_ok());
    for len in 0..good.len() {
        assert!(RevocationList::from_der(&good[..len]).is_err(), "{len}");
    }
    assert!(RevocationList::from_der(&[&good[..], &[0]].concat()).is_err());
}

#[test]
fn too_many_lists_cost_only_the_oldest() {
    let world = World::new();
    let may = "2026-05-01T00:00:00Z";
    let old = |minute: usize| {
        let made = format!("2026-04-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
        world.list((&made, "2026-04-03T00:00:00Z"), &[])
    };
    let mut lists: Vec<RevocationList> = (0..300).map(old).collect();
    lists.push(world.list(CURRENT, &[entry(3, may, &[])]));
    assert_eq!(world.outcome(&lists), revoked(may, may, RevocationReason::Unspecified, &[Code::Revoked]));
    assert_eq!(world.notes(&lists), [Code::UnusedEvidence]);
}
