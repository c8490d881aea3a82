//! Judging sealed data: every check fails alone.

use getrandom::SysRng;
use pki::Time;
use pki::fields::element;
use pki::issue::ProfileKind;
use pki::validate::{Validator, Verdict};
use seal::report::{Code, Format, Kind, Language, Report, SignatureReport};
use seal::ses::{Holders, SealedData, unsigned_data};
use seal::verify::{At, Judging, Terms, judge_sealed};
use sm_primitives::sm2::dsa;
use sm_primitives::sm3;

use crate::support::{SM2_WITH_SM3, World, bits, info, key, now, octets, oid, sealed_v1, sign, time};

fn later() -> Time {
    time("2026-07-01T00:00:00Z")
}

struct Case<'a> {
    world: &'a World,
    validator: Validator,
    now: Time,
    at: At,
    content: &'static [u8],
}

impl<'a> Case<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, validator: world.validator(), now: later(), at: At::Signing, content: b"content" }
    }

    fn judge(&self, data: &SealedData) -> SignatureReport {
        let mut report = SignatureReport::new("1".into(), Kind::OfdSeal);
        let terms = Terms { at: self.at, ..Terms::new(&self.validator, self.now) };
        judge_sealed(&mut report, data, &sm3::digest(self.content), &terms);
        report
    }

    fn codes(&self, data: &SealedData) -> Vec<Code> {
        self.judge(data).reasons.iter().map(|reason| reason.code).collect()
    }

    fn good(&self) -> SealedData {
        self.world.sealed(&self.world.seal(), now(), b"content")
    }
}

#[test]
fn what_is_right_is_valid() {
    let world = World::new();
    let case = Case::new(&world);
    let report = case.judge(&case.good());
    assert_eq!(report.verdict, Verdict::Valid, "{:?}", report.reasons);
    assert_eq!(report.signer.as_ref().unwrap().as_der(), world.holder.as_der());
    assert_eq!(report.seal.as_ref().unwrap().id(), "11010000000001");
    assert_eq!(report.time.map(|time| (time.time, time.proven)), Some((now(), false)));
    assert!(report.has(Code::TimeClaimed));
    for time_info in [&b"2026-06-01 20:00:00"[..], b"20260601120000Z", b"\x17\x0d260601120000Z"] {
        let data = SealedData::parse(&sealed_v1(&world, time_info, b"content")).unwrap();
        assert_eq!(case.judge(&data).verdict, Verdict::Valid);
    }
}

#[test]
fn another_content_is_found() {
    let world = World::new();
    let case = Case { content: b"other content", ..Case::new(&world) };
    assert_eq!(case.codes(&case.good()), [Code::ContentChanged]);
}

#[test]
fn a_wrong_signature_is_found() {
    let world = World::new();
    let case = Case::new(&world);
    let good = case.good();
    let unsigned =
        unsigned_data(good.seal(), &world.holder, now(), &sm3::digest(b"content"), "/Doc_1").unwrap();
    let signature = dsa::sign_digest(&key("holder"), unsigned.digest(), &mut SysRng).unwrap();
    let mut der = unsigned.to_der(&signature, None).unwrap();
    let at = der.windows(6).position(|window| window == b"/Doc_1").unwrap();
    der[at + 5] = b'0';
    assert_eq!(case.codes(&SealedData::parse(&der).unwrap()), [Code::BadSignature]);
}

#[test]
fn who_signed_is_judged() {
    let world = World::new();
    let case = Case { validator: Validator::new(), ..Case::new(&world) };
    let report = case.judge(&case.good());
    assert_eq!(report.verdict, Verdict::Indeterminate);
    let codes: Vec<_> = report.reasons.iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [Code::SignerUncertain, Code::SealMakerUncertain]);
    // Judged at another moment than that of the signature, certificate and seal are out of date. That of the maker is judged when
    // the seal was made.
    for at in [At::Now, At::Moment(time("2027-02-01T00:00:00Z"))] {
        let now = if at == At::Now { time("2027-02-01T00:00:00Z") } else { later() };
        let case = Case { at, now, ..Case::new(&world) };
        assert_eq!(case.codes(&case.good()), [Code::SignerInvalid, Code::SealExpired]);
    }
    let case = Case { at: At::Moment(time("2026-01-15T00:00:00Z")), ..Case::new(&world) };
    assert_eq!(case.codes(&case.good()), [Code::SealNotYetValid]);
}

#[test]
fn a_maker_counts_when_the_seal_was_made() {
    let world = World::new();
    let seal = |created: &str| {
        let mut order = world.order(Holders::Certificates(vec![world.holder.as_der().to_vec()]));
        order.created = time(created);
        let unsigned = order.unsigned(&world.maker).unwrap();
        let signature = dsa::sign_digest(&key("maker"), unsigned.digest(), &mut SysRng).unwrap();
        unsigned.complete(&signature).unwrap()
    };
    let data = world.sealed(&seal("2026-02-01T00:00:00Z"), now(), b"content");
    for (revoked, codes) in [
        ("2026-01-15T00:00:00Z", &[Code::SealMakerInvalid][..]),
        ("2026-05-01T00:00:00Z", &[Code::SealMakerInvalid]),
        ("2026-06-15T00:00:00Z", &[]),
    ] {
        let validator = world.validator().with_list(world.revoked(&world.maker, time(revoked)));
        let mut found = Case { validator, ..Case::new(&world) }.codes(&data);
        found.dedup();
        assert_eq!(found, codes, "{revoked}");
    }
    // One whose certificate had ended by then is no maker.
    let late = Case { validator: world.validator(), now: time("2027-06-01T00:00:00Z"), ..Case::new(&world) };
    let body = info(4, &world.holder, &[]);
    let expired = world.issue(ProfileKind::SealMaker, "maker", 9, "2026-01-31T00:00:00Z");
    let parts: [&[u8]; 4] =
        [&body, &octets(expired.as_der()), &oid(&SM2_WITH_SM3), &bits(&sign("maker", &body))];
    let seal = seal::ses::ElectronicSeal::parse(&element(0x30, &parts)).unwrap();
    assert_eq!(late.codes(&world.sealed(&seal, now(), b"content")), [Code::SealMakerInvalid]);
}

#[test]
fn who_is_not_a_holder_is_found() {
    let world = World::new();
    let case = Case::new(&world);
    let other = world.issue(ProfileKind::Personal, "other", 7, "2026-12-31T00:00:00Z");
    let seal = world.seal_for(Holders::Certificates(vec![other.as_der().to_vec()]));
    // What a program that does not check would write.
    let to_sign = element(
        0x30,
        &[
            &[2, 1, 4],
            seal.as_der(),
            &element(0x18, &[b"20260601120000Z"]),
            &bits(&sm3::digest(b"content")),
            &element(0x16, &[b"/Doc_0"]),
        ],
    );
    let sealed = |time_stamp: &[u8], signature: &[u8]| {
        let parts: [&[u8]; 5] =
            [&to_sign, &octets(world.holder.as_der()), &oid(&SM2_WITH_SM3), &bits(signature), time_stamp];
        SealedData::parse(&element(0x30, &parts)).unwrap()
    };
    let signature = sign("holder", &to_sign);
    assert_eq!(case.codes(&sealed(&[], &signature)), [Code::NotAHolder]);
    // A maker's certificate that is none of a maker, and signatures of nobody.
    assert_eq!(case.codes(&sealed(&[], b"short")), [Code::BadSignature, Code::NotAHolder]);
}

#[test]
fn a_seal_that_its_maker_did_not_sign_is_found() {
    let world = World::new();
    let case = Case::new(&world);
    let body = info(4, &world.holder, &[]);
    let data = |maker: &[u8], signature: &[u8], extra: &[u8]| {
        let algorithm = oid(&SM2_WITH_SM3);
        let seal = element(0x30, &[&body, &octets(maker), &algorithm, &bits(signature)]);
        let to_sign = element(
            0x30,
            &[
                &[2, 1, 4],
                &seal,
                &element(0x18, &[b"20260601120000Z"]),
                &bits(&sm3::digest(b"content")),
                &element(0x16, &[b"/Doc_0"]),
                extra,
            ],
        );
        let parts: [&[u8]; 4] =
            [&to_sign, &octets(world.holder.as_der()), &algorithm, &bits(&sign("holder", &to_sign))];
        SealedData::parse(&element(0x30, &parts)).unwrap()
    };
    let maker = world.maker.as_der();
    assert_eq!(case.codes(&data(maker, &sign("maker", &body), &[])), []);
    assert_eq!(case.codes(&data(maker, &sign("holder", &body), &[])), [Code::SealSignature]);
    assert_eq!(case.codes(&data(b"nothing", &sign("maker", &body), &[])), [Code::NoSigner]);
    assert_eq!(
        case.codes(&data(world.root.as_der(), &sign("root", &body), &[])),
        [Code::SealMakerInvalid],
        "a CA makes no seals"
    );
    let critical = |critical: &[u8]| {
        element(0xa0, &[&element(0x30, &[&element(0x30, &[&element(6, &[&[0x2a, 3]]), critical, &[4, 0]])])])
    };
    assert_eq!(
        case.codes(&data(maker, &sign("maker", &body), &critical(&[1, 1, 0xff]))),
        [Code::Unsupported]
    );
    assert_eq!(case.codes(&data(maker, &sign("maker", &body), &critical(&[]))), []);
}

#[test]
fn time_stamps_prove_the_time() {
    let world = World::new();
    let case = Case::new(&world);
    let seal = world.seal();
    let sealed = |token: &dyn Fn(&[u8]) -> Vec<u8>| {
        let unsigned = unsigned_data(&seal, &world.holder, now(), &sm3::digest(b"content"), "x").unwrap();
        let signature = dsa::sign_digest(&key("holder"), unsigned.digest(), &mut SysRng).unwrap();
        let token = token(&signature.to_der());
        unsigned.complete(&signature, Some(&token)).unwrap()
    };
    let stamped = time("2026-06-01T12:00:05Z");
    let report = case.judge(&sealed(&|signature| world.stamp(signature, stamped)));
    assert_eq!(report.verdict, Verdict::Valid, "{:?}", report.reasons);
    assert_eq!(report.time.map(|time| (time.time, time.proven)), Some((stamped, true)));
    for token in [
        &(|_: &[u8]| world.stamp(b"another signature", now())) as &dyn Fn(&[u8]) -> Vec<u8>,
        &(|_: &[u8]| b"nothing".to_vec()),
    ] {
        let report = case.judge(&sealed(token));
        assert_eq!(report.verdict, Verdict::Invalid);
        assert!(report.has(Code::TimeStampInvalid));
        assert_eq!(report.time.map(|time| time.proven), Some(false));
    }
    let strangers = Case { validator: Validator::new(), ..Case::new(&world) };
    let report = strangers.judge(&sealed(&|signature| world.stamp(signature, stamped)));
    assert!(report.has(Code::TimeStampUncertain));
    assert_eq!(report.time.map(|time| time.proven), Some(false), "nobody knows who stamped");
}

#[test]
fn a_time_is_known_and_not_in_the_future() {
    let world = World::new();
    let early = Case { now: time("2026-06-01T11:59:59Z"), ..Case::new(&world) };
    assert_eq!(early.codes(&early.good()), [Code::TimeInFuture]);
    let case = Case::new(&world);
    let data = SealedData::parse(&sealed_v1(&world, b"yesterday", b"content")).unwrap();
    assert_eq!(case.codes(&data), [Code::NoTime]);
}

#[test]
fn the_document_and_the_value_say_the_same() {
    let world = World::new();
    let validator = world.validator();
    let terms = Terms::new(&validator, later());
    let value = sealed_v1(&world, b"20260601120000Z", b"content");
    let judged = |kind, claimed: Time| {
        let mut report = SignatureReport::new("1".into(), kind);
        let mut judging = Judging::start(&mut report, &value);
        judging.update(b"con");
        judging.update(b"tent");
        judging.finish(&mut report, Some(claimed), &terms);
        report
    };
    let same = judged(Kind::OfdSeal, now());
    assert_eq!(same.verdict, Verdict::Valid, "{:?}", same.reasons);
    assert!(!same.has(Code::TimesDiffer));
    assert!(judged(Kind::OfdSeal, later()).has(Code::TimesDiffer));
    for kind in [Kind::OfdSignature, Kind::PdfSignature] {
        let other = judged(kind, now());
        assert_eq!(other.verdict, Verdict::Invalid);
        assert!(other.has(Code::WrongType));
    }
}

#[test]
fn a_hash_is_carried_on_only_where_it_is_the_one() {
    use pki::algorithm::HashAlgorithm;
    let world = World::new();
    let validator = world.validator();
    let value = sealed_v1(&world, b"20260601120000Z", b"content");
    let begun = |algorithm: HashAlgorithm| {
        let mut hasher = algorithm.hasher().unwrap();
        hasher.update(b"con");
        hasher
    };
    let judged = |carried: HashAlgorithm| {
        let mut report = SignatureReport::new("1".into(), Kind::OfdSeal);
        let mut judging = Judging::start(&mut report, &value);
        assert_eq!(judging.only(), Some(HashAlgorithm::Sm3));
        let resumed = judging.resume(&begun(carried));
        if !resumed {
            judging.update(b"con");
        }
        judging.update(b"tent");
        judging.finish(&mut report, Some(now()), &Terms::new(&validator, later()));
        (resumed, report.verdict)
    };
    assert_eq!(judged(HashAlgorithm::Sm3), (true, Verdict::Valid));
    assert_eq!(judged(HashAlgorithm::Sha256), (false, Verdict::Valid));
    let mut report = SignatureReport::new("1".into(), Kind::OfdSeal);
    let mut nothing = Judging::start(&mut report, b"");
    assert_eq!((nothing.only(), nothing.resume(&begun(HashAlgorithm::Sm3))), (None, false));
}

#[test]
fn reports_are_data_and_text() {
    let world = World::new();
    let case = Case { content: b"other content", ..Case::new(&world) };
    let mut report = Report::new(Format::Ofd);
    assert_eq!(report.verdict(), Verdict::Indeterminate, "nothing is signed");
    report.signatures.push(case.judge(&case.good()));
    report.warn(Code::UnreferencedFile, "Doc_0/smuggled.xml");
    assert_eq!(report.verdict(), Verdict::Invalid);
    let json = report.to_json("tender.ofd");
    assert_eq!(json["file"], "tender.ofd");
    assert_eq!(json["format"], "ofd");
    assert_eq!(json["verdict"], "invalid");
    let signature = &json["signatures"][0];
    assert_eq!(signature["id"], "1");
    assert_eq!(signature["kind"], "ofd-seal");
    assert_eq!(signature["signer"], world.holder.subject().to_string());
    assert_eq!(signature["time"], "2026-06-01T12:00:00Z");
    assert_eq!(signature["verdict"], "invalid");
    assert_eq!(signature["reasons"], serde_json::json!(["content-changed: dataHash"]));
    assert_eq!(signature["seal"]["name"], "测试单位合同专用章");
    assert_eq!(json["warnings"], serde_json::json!(["unreferenced-file: Doc_0/smuggled.xml"]));
    let english = report.to_text(Language::English);
    assert!(english.starts_with("OFD: invalid\n1 [ofd-seal] holder: invalid\n"), "{english}");
    assert!(english.contains("- What was signed has been changed. (dataHash)\n"), "{english}");
    let chinese = report.to_text(Language::Chinese);
    assert!(
        chinese.contains("1 [ofd-seal] holder: 无效\n  印章: 测试单位合同专用章 (11010000000001)\n"),
        "{chinese}"
    );
    assert!(chinese.contains("- 被签名的内容已被修改。 (dataHash)\n"), "{chinese}");
}
