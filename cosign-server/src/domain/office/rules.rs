//! Settings by which installations differ. One profile for each of the systems that this one can take the place of stands in
//! `packaging/profiles`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Named as _,
    account::Entry,
    approval::Judge,
    catalogue::Service,
    claim::{ClaimReviews, Way},
    entity::states,
    holding::Platform,
    order::OrderFlow,
    person::Level,
    seal::SealKind,
};
use crate::domain::ca::AuthorityId;

states! {
    /// What a login has to prove.
    LoginPolicy {
        /// An SMS code or the password, whichever the user takes.
        AnyOf = "any-of",
        /// Both, once there is a password.
        AllOf = "all-of",
    }
}

states! {
    /// Which passwords are good enough.
    PasswordRule {
        /// Three of: upper case, lower case, digit, other.
        ThreeOfFour = "three-of-four",
        /// Upper case, lower case and digit.
        UpperLowerDigit = "upper-lower-digit",
    }
}

/// How much must be shown of a person for what they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Levels {
    /// Certificates: applying, changing, another device.
    pub certificate: Level,
    /// Enterprises: claiming, joining, deciding for them.
    pub enterprise: Level,
    /// Making seals and using them.
    pub seal: Level,
    /// Signing what others ask to be signed.
    pub signing: Level,
}

impl Default for Levels {
    fn default() -> Self {
        let (certificate, enterprise) = (Level::Face, Level::Possession);
        Self { certificate, enterprise, seal: Level::Possession, signing: Level::Possession }
    }
}

states! {
    /// Who decides on the use of an enterprise's certificate.
    GrantPolicy {
        /// The legal representative alone.
        Legal = "legal",
        /// An administrator.
        Administrator = "administrator",
    }
}

states! {
    /// What leaving an enterprise takes.
    LeavePolicy {
        /// Nothing; the administrators are told.
        Notify = "notify",
        /// That an administrator passes it.
        Approve = "approve",
    }
}

states! {
    /// From where an installation is reached.
    Network {
        /// From everywhere.
        Internet = "internet",
        /// From inside an organisation alone.
        Intranet = "intranet",
    }
}

/// The environment of an installation, to which a client is led by a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// What it is called.
    pub name: String,
    /// From where it is reached.
    pub network: Network,
    /// Where clients reach it: an address with `https:`; empty when no code leads there.
    pub address: String,
}

impl Default for Environment {
    fn default() -> Self {
        Self { name: "cosign".to_owned(), network: Network::Internet, address: String::new() }
    }
}

/// What a platform demands of certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlatformTerms {
    /// The authorities whose certificates it takes; any if there are none.
    pub authorities: Vec<AuthorityId>,
    /// Whether files are handed in with an application.
    pub attachments: bool,
}

/// Settings of the office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// What a login has to prove. A device that is new to the account always proves the phone.
    pub login_policy: LoginPolicy,
    /// Which passwords are good enough; always 8 to 16 characters.
    pub password_rule: PasswordRule,
    /// Whether digits on a picture come before an SMS code.
    pub captcha: bool,
    /// Devices of one account; the one that was not used for longest gives way.
    pub terminals: u32,
    /// Days for which nobody is asked again about logging in by a finger or a face.
    pub quiet_days: u64,
    /// Hours for which a device may remember the password of a certificate, and may have a finger or a face give it; 0 when
    /// it may not.
    pub pin_remembered_h: u64,
    /// The same of a finger or a face.
    pub pin_biometrics_h: u64,
    /// Seconds that an SMS code is good.
    pub sms_code_s: u64,
    /// Wrong entries that use an SMS code up.
    pub sms_code_tries: u8,
    /// Seconds between two SMS codes to one number.
    pub sms_pause_s: u64,
    /// SMS codes to one number in 24 hours.
    pub sms_per_day: u32,
    /// Minutes after which a login that is not used ends.
    pub session_idle_min: u64,
    /// Hours after which a login ends in any case.
    pub session_h: u64,
    /// Wrong passwords in 15 minutes after which only an SMS code helps.
    pub password_tries: u8,
    /// Whether whoever belongs to an enterprise says at login as whom they act, before anything else.
    pub identity_at_login: bool,
    /// Version of the agreements that users consent to.
    pub agreement: String,
    /// Days for which an account that was cancelled can be appealed for, and its personal data is kept.
    pub retention_days: u64,
    /// Whether the certificates of an account are revoked when it is cancelled; otherwise they are before.
    pub cancel_revokes: bool,
    /// By what clients enter.
    pub entries: Vec<Entry>,
    /// In which environment this installation runs, for clients that are brought into it.
    pub environment: Environment,
    /// The number to call; none without it.
    pub hotline: String,
    /// A word about the service.
    pub introduction: String,
    /// How much must be shown of a person for what they do.
    pub levels: Levels,
    /// Attempts of one account in a day to show who is behind it.
    pub person_tries: u32,
    /// Minutes that a provider has to say whether a person is who they say.
    pub person_check_min: u64,
    /// Whether a person is verified on each device of the account of its own.
    pub verify_per_device: bool,
    /// Hours in which a reviewer should have looked at a person.
    pub person_review_h: u64,
    /// In which ways enterprises can be claimed.
    pub claim_ways: Vec<Way>,
    /// How many operators look at a claim after that.
    pub claim_reviews: ClaimReviews,
    /// Days for which the number of a payment to an enterprise can be given back.
    pub micropayment_days: u64,
    /// Wrong numbers that use such a payment up.
    pub micropayment_tries: u8,
    /// Such payments for one account in a day.
    pub micropayments_per_day: u32,
    /// How many operators look at a change of an enterprise; at least one.
    pub change_reviews: u8,
    /// How many operators look at an appeal for an enterprise; at least one.
    pub appeal_reviews: u8,
    /// Wrong things that somebody may say of an administrator in a day.
    pub join_tries: u8,
    /// Most members of one enterprise.
    pub members_max: u32,
    /// Who decides in turn on a request to join an enterprise. The legal representative decides as an administrator does.
    pub join_chain: Vec<Judge>,
    /// How many operators look at a request to join that no administrator decides on; at least one.
    pub join_reviews: u8,
    /// Whether an administrator who passes a request to join signs a letter with a certificate of the enterprise.
    pub join_stamp: bool,
    /// Days for which an invitation to an enterprise can be accepted.
    pub invitation_days: u64,
    /// What leaving an enterprise takes.
    pub leave: LeavePolicy,
    /// Who decides on the use of an enterprise's certificate.
    pub certificate_grants: GrantPolicy,
    /// Whether an administrator's place is handed over with the consent of the legal representative only.
    pub transfer_needs_legal: bool,
    /// Seconds for which a code on a page can be scanned.
    pub scan_code_s: u64,
    /// Seconds that a user has for each step after that.
    pub scan_step_s: u64,
    /// Minutes from the scan after which it ends in any case.
    pub scan_longest_min: u64,
    /// Seconds after which a phone that is not heard of has left.
    pub scan_link_s: u64,
    /// How this installation is called in codes on pages: 1 to 32 letters, digits and hyphens.
    pub scan_issuer: String,
    /// Where codes of mutual recognition lead a phone that does not know them: an address without a query.
    pub mutual_page: String,
    /// Hours for which a document of a platform is kept after it was handed in or last sealed.
    pub document_h: u64,
    /// Most years that a certificate is valid.
    pub certificate_years: u8,
    /// Years that a certificate for logging in is valid.
    pub login_years: u8,
    /// Days before its end from which a certificate is called expiring, and its holder is told.
    pub expiring_days: u64,
    /// Whether only the first certificate of a holder is reviewed.
    pub review_first_only: bool,
    /// Days for which what a reviewer sent back can be corrected; then what was paid goes back.
    pub correction_days: u64,
    /// What platforms demand. With none, any platform takes certificates of any authority.
    pub platforms: BTreeMap<Platform, PlatformTerms>,
    /// Most seals of one certificate that are not over.
    pub seals_at_most: usize,
    /// Kinds of an enterprise's seals that are made from a photo of a form on which the seal is stamped.
    pub photographed_seals: Vec<SealKind>,
    /// Whether orders that somebody looks at are paid before or after that.
    pub order_flow: OrderFlow,
    /// Hours in which an order is to be paid.
    pub order_h: u64,
    /// What is bought when an enterprise is claimed.
    pub claim_services: Vec<Service>,
    /// What is bought for any other first certificate.
    pub first_services: Vec<Service>,
    /// Points for every yuan that is paid.
    pub points_per_yuan: u64,
    /// Points that take a fen off an order; 0 when they take nothing off.
    pub points_per_fen: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            login_policy: LoginPolicy::AnyOf,
            password_rule: PasswordRule::ThreeOfFour,
            captcha: false,
            terminals: 20,
            quiet_days: 15,
            pin_remembered_h: 12,
            pin_biometrics_h: 720,
            sms_code_s: 300,
            sms_code_tries: 5,
            sms_pause_s: 60,
            sms_per_day: 10,
            session_idle_min: 30,
            session_h: 12,
            password_tries: 5,
            identity_at_login: false,
            agreement: "1".to_owned(),
            retention_days: 30,
            cancel_revokes: true,
            entries: Entry::ALL.to_vec(),
            environment: Environment::default(),
            hotline: String::new(),
            introduction: String::new(),
            levels: Levels::default(),
            person_tries: 10,
            person_check_min: 30,
            verify_per_device: false,
            person_review_h: 2,
            claim_ways: Way::ALL.to_vec(),
            claim_reviews: ClaimReviews::default(),
            micropayment_days: 7,
            micropayment_tries: 5,
            micropayments_per_day: 3,
            change_reviews: 1,
            appeal_reviews: 2,
            join_tries: 5,
            members_max: 2000,
            join_chain: vec![Judge::Administrator],
            join_reviews: 1,
            join_stamp: false,
            invitation_days: 7,
            leave: LeavePolicy::Notify,
            certificate_grants: GrantPolicy::Legal,
            transfer_needs_legal: true,
            scan_code_s: 120,
            scan_step_s: 300,
            scan_longest_min: 60,
            scan_link_s: 30,
            scan_issuer: "cosign".to_owned(),
            mutual_page: "https://localhost/app/app.html".to_owned(),
            document_h: 72,
            certificate_years: 5,
            login_years: 5,
            expiring_days: 30,
            review_first_only: true,
            correction_days: 30,
            platforms: BTreeMap::new(),
            seals_at_most: 20,
            photographed_seals: vec![SealKind::Finance, SealKind::Contract, SealKind::Invoice],
            order_flow: OrderFlow::PayFirst,
            order_h: 24,
            claim_services: vec![Service::Ca, Service::Seal],
            first_services: vec![Service::Ca],
            points_per_yuan: 1,
            points_per_fen: 1,
        }
    }
}
