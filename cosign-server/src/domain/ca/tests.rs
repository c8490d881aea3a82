use proptest::prelude::*;

use super::{
    CertEvent, CertState, Decision, Effect, Kind, Reason, Request, RequestEffect, RequestEvent, RequestId,
    RequestState, Serial, Successor, certificate::transition, request::transition as request_transition,
};
use crate::domain::device::Name;

const END: u64 = 1000;

fn reasons() -> impl Strategy<Value = Reason> {
    (0..=10u8).prop_filter_map("a reason", Reason::from_number)
}

fn events() -> impl Strategy<Value = CertEvent> {
    prop_oneof![
        Just(CertEvent::Freeze),
        Just(CertEvent::Unfreeze),
        Just(CertEvent::Outdate),
        Just(CertEvent::Expire),
        prop_oneof![Just(Successor::Renewal), Just(Successor::Change), Just(Successor::Reissue)]
            .prop_map(CertEvent::Supersede),
        reasons().prop_map(CertEvent::Revoke),
    ]
}

/// The table of the module, written once more: which states an event may lead to.
fn permitted(from: CertState, to: CertState) -> bool {
    use CertState::{Expired, Frozen, NeedsChange, Revoked, Superseded, Valid};
    matches!(
        (from, to),
        (Valid, Frozen | Expired | NeedsChange | Superseded | Revoked)
            | (Frozen, Valid | Expired | Revoked)
            | (NeedsChange, Expired | Superseded | Revoked)
            | (Expired, Superseded | Revoked)
            | (Superseded, Revoked)
    )
}

proptest! {
    #[test]
    fn walks_of_certificates_stay_in_the_table(steps in prop::collection::vec((events(), 0..300u64), 0..30)) {
        let (mut state, mut now) = (CertState::Valid, 0);
        let (mut listed, mut suspended, mut key) = (None, false, true);
        for (event, later) in steps {
            now += later;
            let Ok((to, effects)) = transition(state, event, END, now) else { continue };
            prop_assert!(permitted(state, to), "{state:?} {event:?} {to:?}");
            for effect in effects {
                match effect {
                    Effect::List(reason) => listed = Some(*reason),
                    Effect::Unlist => listed = None,
                    Effect::SuspendKey => { prop_assert!(!suspended); suspended = true; }
                    Effect::ResumeKey => { prop_assert!(suspended && key); suspended = false; }
                    Effect::RevokeKey => { key = false; suspended = false; }
                }
            }
            state = to;
            // What the state says is what the world sees.
            match state {
                CertState::Revoked => prop_assert!(listed.is_some() && !key),
                CertState::Frozen => prop_assert!(listed == Some(Reason::CertificateHold) && suspended),
                CertState::Valid | CertState::NeedsChange => {
                    prop_assert!(listed.is_none() && key && !suspended);
                }
                CertState::Expired | CertState::Superseded => prop_assert!(!suspended),
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_revoked(event in events(), now in 0..2 * END) {
        prop_assert!(transition(CertState::Revoked, event, END, now).is_err());
    }

    #[test]
    fn only_a_revocation_leads_out_of_superseded(event in events(), now in 0..2 * END) {
        if let Ok((to, _)) = transition(CertState::Superseded, event, END, now) {
            prop_assert_eq!(to, CertState::Revoked);
            prop_assert!(matches!(event, CertEvent::Revoke(_)));
        }
    }

    #[test]
    fn nothing_in_force_begins_after_the_end(state in 0..CertState::ALL.len(), event in events(), late in 1..END) {
        let from = CertState::ALL[state];
        if let Ok((to, _)) = transition(from, event, END, END + late) {
            prop_assert!(!matches!(to, CertState::Valid | CertState::Frozen | CertState::NeedsChange));
        }
    }

    #[test]
    fn walks_of_requests_stay_in_the_table(
        kind in 0..5usize,
        reviewers in 1..=2u8,
        steps in prop::collection::vec((0..4u8, 0..3u8, any::<bool>(), any::<bool>()), 0..40),
    ) {
        let mut request = request(kind);
        for (what, who, passed, says) in steps {
            let event = match what {
                0 => RequestEvent::Submit,
                1 => RequestEvent::Decide(decision(who, passed, if says { "why" } else { "" })),
                2 => RequestEvent::Install,
                _ => RequestEvent::Withdraw,
            };
            let Ok((to, effect)) = request_transition(&request, &event, reviewers) else { continue };
            use RequestState::{Approved, Closed, Draft, Returned, Review};
            let known = matches!(
                (request.state, to.state),
                (Draft | Returned, Review) | (Review, Review | Returned | Approved | Closed) | (_, Closed)
            );
            prop_assert!(known && request.state != Closed, "{:?} {event:?} {:?}", request.state, to.state);
            // Enough different people passed it before anything happens.
            if to.state == Approved || effect.is_some() {
                let mut people: Vec<_> = to.decisions.iter().map(|decision| decision.reviewer.as_str()).collect();
                people.sort_unstable();
                people.dedup();
                prop_assert_eq!(people.len(), usize::from(reviewers));
                prop_assert!(to.decisions.iter().all(|decision| decision.passed));
            }
            match (&effect, &to.kind) {
                (None, _) => {}
                (Some(RequestEffect::Revoke(..)), Kind::Revoke(..)) => prop_assert_eq!(to.state, Closed),
                (Some(RequestEffect::Issue(None)), Kind::New)
                | (Some(RequestEffect::Issue(Some(_))), Kind::Replace(..)) => {
                    prop_assert!(request.state == Approved && matches!(event, RequestEvent::Install));
                }
                other => prop_assert!(false, "{other:?}"),
            }
            request = to;
        }
    }
}

fn serial() -> Serial {
    Serial::new(&[1]).unwrap()
}

fn request(kind: usize) -> Request {
    let kinds = [
        Kind::New,
        Kind::Replace(serial(), Successor::Renewal),
        Kind::Replace(serial(), Successor::Change),
        Kind::Replace(serial(), Successor::Reissue),
        Kind::Revoke(serial(), Reason::KeyCompromise),
    ];
    Request {
        id: RequestId::from_bytes([1; 16]),
        authority: "ca".to_owned().try_into().unwrap(),
        kind: kinds[kind].clone(),
        device: None,
        csr: Vec::new(),
        profile: super::Profile::Personal,
        dual: false,
        state: RequestState::Draft,
        decisions: Vec::new(),
        created_ms: 0,
        version: 1,
    }
}

fn decision(who: u8, passed: bool, opinion: &str) -> Decision {
    let reviewer = Name::try_from(format!("reviewer {who}")).unwrap();
    Decision { reviewer, passed, opinion: opinion.to_owned(), at_ms: 1 }
}

#[test]
fn one_person_does_not_pass_a_request_twice() {
    let (submitted, _) = request_transition(&request(0), &RequestEvent::Submit, 2).unwrap();
    let pass = |request: &Request, who| {
        request_transition(request, &RequestEvent::Decide(decision(who, true, "")), 2)
    };
    let (once, _) = pass(&submitted, 1).unwrap();
    assert_eq!(once.state, RequestState::Review);
    assert!(pass(&once, 1).is_err());
    assert_eq!(pass(&once, 2).unwrap().0.state, RequestState::Approved);
    // A request that was returned starts again.
    let back = RequestEvent::Decide(decision(2, false, "the name is spelt otherwise"));
    let (returned, _) = request_transition(&once, &back, 2).unwrap();
    let (again, _) = request_transition(&returned, &RequestEvent::Submit, 2).unwrap();
    assert!(again.decisions.is_empty());
}

#[test]
fn a_return_says_why_and_says_it_shortly() {
    let (submitted, _) = request_transition(&request(0), &RequestEvent::Submit, 1).unwrap();
    let decide = |passed, opinion: &str| {
        request_transition(&submitted, &RequestEvent::Decide(decision(1, passed, opinion)), 1)
    };
    assert!(decide(false, " ").is_err());
    assert!(decide(false, "x").is_ok());
    assert!(decide(true, &"x".repeat(1501)).is_err());
}

#[test]
fn a_renewal_keeps_the_keys_and_a_reissue_does_not() {
    let effects = |how| transition(CertState::Valid, CertEvent::Supersede(how), END, 0).unwrap().1;
    assert!(effects(Successor::Renewal).is_empty());
    assert!(effects(Successor::Reissue).contains(&Effect::RevokeKey));
    assert!(transition(CertState::Frozen, CertEvent::Supersede(Successor::Renewal), END, 0).is_err());
    assert!(transition(CertState::NeedsChange, CertEvent::Supersede(Successor::Renewal), END, 0).is_err());
}

#[test]
fn a_hold_is_no_reason_to_end_a_certificate() {
    for reason in [Reason::CertificateHold, Reason::RemoveFromCrl, Reason::AaCompromise] {
        assert!(transition(CertState::Valid, CertEvent::Revoke(reason), END, 0).is_err());
    }
}

#[test]
fn serial_numbers_have_one_form() {
    for (body, good) in [
        (&[][..], false),
        (&[0], false),
        (&[0x80], false),
        (&[0, 0x7f], false),
        (&[0, 0x80], true),
        (&[1; 20], true),
        (&[1; 21], false),
    ] {
        assert_eq!(Serial::new(body).is_ok(), good, "{body:?}");
    }
    assert_eq!(Serial::from_hex("0080").unwrap().as_bytes(), &[0, 0x80]);
    assert_eq!(Serial::from_hex("f").unwrap().to_string(), "0f");
    assert!(Serial::from_hex("0").is_err() && Serial::from_hex("xy").is_err());
}
