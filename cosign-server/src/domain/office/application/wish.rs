//! What is wanted, and every move of an application.

use super::{Application, ApplicationState};
use crate::domain::{
    Error,
    ca::AuthorityId,
    office::{
        Id, Moment,
        entity::states,
        holding::{Acting, Platform},
        order::Wanted,
    },
};

states! {
    /// What an application is for.
    Business {
        /// A first certificate.
        New = "new",
        /// The same for longer.
        Renew = "renew",
        /// One that says of its holder what is true now.
        Change = "change",
        /// One on another device.
        Reissue = "reissue",
        /// The end of one.
        Revoke = "revoke",
        /// One on a medium, which the authority makes.
        Medium = "medium",
        /// A seal.
        Seal = "seal",
        /// Another picture of one.
        SealChange = "seal-change",
    }
}

/// What somebody who may wants.
#[derive(Clone, Debug)]
pub struct Wish {
    pub(in crate::domain) by: Acting,
    pub(in crate::domain) business: Business,
    pub(in crate::domain) holding: Option<Id>,
    pub(in crate::domain) seal: Option<Id>,
    pub(in crate::domain) platform: Option<Platform>,
    pub(in crate::domain) authority: AuthorityId,
    pub(in crate::domain) years: u8,
    pub(in crate::domain) dual: bool,
    pub(in crate::domain) reason: Option<String>,
    pub(in crate::domain) agreement: String,
    pub(in crate::domain) purchase: Option<Wanted>,
    pub(in crate::domain) needs_attachments: bool,
    pub(in crate::domain) reviewers: u8,
}

pub(super) fn draft(wish: &Wish, moment: Moment<'_>) -> Result<Application, Error> {
    if wish.agreement != moment.rules.agreement {
        return Err(Error::ConsentMissing);
    }
    if !(1..=moment.rules.certificate_years).contains(&wish.years) {
        return Err(Error::BadRequest("a certificate is not to be had for so many years"));
    }
    if matches!(wish.business, Business::New | Business::Medium) == wish.holding.is_some() {
        return Err(Error::BadRequest("name the certificate that is renewed, changed, reissued or revoked"));
    }
    Ok(Application {
        state: ApplicationState::Draft,
        holder: wish.by.holder(),
        account: wish.by.account(),
        business: wish.business,
        holding: wish.holding,
        seal: wish.seal,
        platform: wish.platform.clone(),
        authority: wish.authority.clone(),
        years: wish.years,
        dual: wish.dual,
        reason: wish.reason.clone(),
        agreement: wish.agreement.clone(),
        form: None,
        mails: 0,
        attachments: Vec::new(),
        fee: wish.purchase.as_ref().map_or(0, Wanted::total_fen),
        flow: wish.purchase.as_ref().and_then(|purchase| purchase.reviewed),
        purchase: wish.purchase.clone(),
        order: None,
        needs_attachments: wish.needs_attachments,
        reviewers: wish.reviewers,
        until_ms: None,
        opinions: Vec::new(),
        gave: None,
    })
}

type Step = (Option<ApplicationState>, &'static str, ApplicationState);

pub(super) const MOVES: [Step; 54] = {
    use ApplicationState::{
        Approved, Attachments, Authorising, Closed, Draft, Erased, Refused, Returned, Review, Unpaid,
        Withdrawn,
    };
    [
        (None, "draft", Draft),
        (Some(Draft), "mail", Draft),
        (Some(Returned), "mail", Returned),
        (Some(Draft), "confirm", Authorising),
        (Some(Authorising), "authorise", Unpaid),
        (Some(Authorising), "authorise", Attachments),
        (Some(Authorising), "authorise", Review),
        (Some(Authorising), "authorise", Approved),
        (Some(Authorising), "authorise", Closed),
        (Some(Unpaid), "pay", Attachments),
        (Some(Unpaid), "pay", Review),
        (Some(Unpaid), "pay", Approved),
        (Some(Unpaid), "pay", Closed),
        (Some(Attachments), "attach", Unpaid),
        (Some(Attachments), "attach", Review),
        (Some(Attachments), "attach", Approved),
        (Some(Attachments), "attach", Closed),
        (Some(Review), "decide", Review),
        (Some(Review), "decide", Unpaid),
        (Some(Review), "decide", Approved),
        (Some(Review), "decide", Closed),
        (Some(Review), "decide", Returned),
        (Some(Review), "refuse", Refused),
        (Some(Returned), "attach", Returned),
        (Some(Returned), "confirm", Review),
        (Some(Approved), "install", Closed),
        (Some(Approved), "record", Closed),
        (Some(Draft), "withdraw", Withdrawn),
        (Some(Authorising), "withdraw", Withdrawn),
        (Some(Unpaid), "withdraw", Withdrawn),
        (Some(Attachments), "withdraw", Withdrawn),
        (Some(Review), "withdraw", Withdrawn),
        (Some(Returned), "withdraw", Withdrawn),
        (Some(Approved), "withdraw", Withdrawn),
        (Some(Draft), "lapse", Withdrawn),
        (Some(Authorising), "lapse", Withdrawn),
        (Some(Unpaid), "lapse", Withdrawn),
        (Some(Attachments), "lapse", Withdrawn),
        (Some(Review), "lapse", Withdrawn),
        (Some(Returned), "lapse", Withdrawn),
        (Some(Approved), "lapse", Withdrawn),
        (Some(Closed), "lapse", Closed),
        (Some(Refused), "lapse", Refused),
        (Some(Withdrawn), "lapse", Withdrawn),
        (Some(Draft), "erase", Erased),
        (Some(Authorising), "erase", Erased),
        (Some(Unpaid), "erase", Erased),
        (Some(Attachments), "erase", Erased),
        (Some(Review), "erase", Erased),
        (Some(Returned), "erase", Erased),
        (Some(Approved), "erase", Erased),
        (Some(Closed), "erase", Erased),
        (Some(Refused), "erase", Erased),
        (Some(Withdrawn), "erase", Erased),
    ]
};
