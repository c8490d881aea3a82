//! Messages to users, about what happened to what is theirs.

use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, entity::states};
use crate::domain::Error;

states! {
    /// Where a message stands.
    MessageState {
        /// Nobody has looked at it.
        Unread = "unread",
        /// The user has.
        Read = "read",
    }
    over Read
}

states! {
    /// What is said. Clients put it into words, and go to what it is about.
    Notice {
        /// A person was verified.
        PersonVerified = "person-verified",
        /// A person was not verified.
        PersonFailed = "person-failed",
        /// An enterprise is the user's to administer.
        EnterpriseFounded = "enterprise-founded",
        /// Somebody else has claimed the enterprise.
        ClaimSuperseded = "claim-superseded",
        /// What is known of an enterprise has changed.
        EnterpriseChanged = "enterprise-changed",
        /// An enterprise is no more.
        EnterpriseCancelled = "enterprise-cancelled",
        /// The user administers an enterprise.
        Promoted = "promoted",
        /// The user has handed over an enterprise.
        HandedOver = "handed-over",
        /// The user was removed from an enterprise.
        MemberRemoved = "member-removed",
        /// A member has left an enterprise.
        MemberLeft = "member-left",
        /// The user is invited to an enterprise.
        Invited = "invited",
        /// There is something to decide on.
        ApprovalAsked = "approval-asked",
        /// The user may use something of an enterprise.
        Granted = "granted",
        /// The user may not any more.
        GrantWithdrawn = "grant-withdrawn",
        /// What the user asked for was passed.
        ApprovalPassed = "approval-passed",
        /// It was returned.
        ApprovalReturned = "approval-returned",
        /// A cent was paid to the account of an enterprise that the user claims.
        MicropaymentSent = "micropayment-sent",
        /// The bank knows no such account.
        MicropaymentBounced = "micropayment-bounced",
        /// An enterprise gave the user a package that it had bought.
        ServiceGiven = "service-given",
        /// A platform took the user who registered there.
        RegistrationPassed = "registration-passed",
        /// It did not.
        RegistrationRefused = "registration-refused",
        /// Something waits to be signed.
        TaskFiled = "task-filed",
        /// What was applied for may be installed.
        ApplicationApproved = "application-approved",
        /// A reviewer sent back what was applied for.
        ApplicationReturned = "application-returned",
        /// A reviewer refused for good what was applied for.
        ApplicationRefused = "application-refused",
        /// A certificate is installed.
        CertificateInstalled = "certificate-installed",
        /// A certificate ends soon.
        CertificateExpiring = "certificate-expiring",
        /// A certificate has ended.
        CertificateExpired = "certificate-expired",
        /// A certificate is suspended.
        CertificateFrozen = "certificate-frozen",
        /// It is in force again.
        CertificateUnfrozen = "certificate-unfrozen",
        /// The PIN of a certificate was changed, or the shares of its key were renewed.
        PinChanged = "pin-changed",
        /// What a certificate says is not true any more.
        CertificateNeedsChange = "certificate-needs-change",
        /// A certificate is revoked.
        CertificateRevoked = "certificate-revoked",
        /// The seal maker took the picture of a seal.
        SealPassed = "seal-passed",
        /// The seal maker sent it back.
        SealReturned = "seal-returned",
        /// A seal is cancelled.
        SealCancelled = "seal-cancelled",
        /// An order can be paid.
        OrderPayable = "order-payable",
        /// An order was paid.
        OrderPaid = "order-paid",
        /// An order that was paid is good.
        OrderApproved = "order-approved",
        /// An order was refused; what was paid goes back.
        OrderRefused = "order-refused",
        /// Money was given back.
        OrderRefunded = "order-refunded",
        /// Money is not given back.
        RefundRefused = "refund-refused",
        /// An invoice is there.
        InvoiceIssued = "invoice-issued",
        /// An invoice is not made.
        InvoiceRejected = "invoice-rejected",
        /// The account was used on another device; certificates on the one before have to be issued again.
        NewDevice = "new-device",
        /// An account was given back.
        AppealAccepted = "appeal-accepted",
        /// An account was not given back.
        AppealRefused = "appeal-refused",
    }
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What kind of entity.
    pub kind: String,
    /// Which.
    pub id: Id,
}

/// A message. What a reviewer wrote stands in what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    state: MessageState,
    /// To whose account.
    pub to: Id,
    /// What is said.
    pub notice: Notice,
    /// About what.
    pub about: Option<About>,
}

/// What happens to a message.
#[derive(Debug)]
pub enum Event {
    /// It is sent.
    Tell {
        /// To whose account.
        to: Id,
        /// What is said.
        notice: Notice,
        /// About what.
        about: Option<About>,
    },
    /// The user looks at it.
    Read,
}

impl Message {
    /// Whether nobody has looked at it.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.state == MessageState::Unread
    }
}

impl Entity for Message {
    const KIND: &'static str = "message";
    type State = MessageState;
    type Event = Event;
    const MOVES: Moves<MessageState> =
        &[(None, "tell", MessageState::Unread), (Some(MessageState::Unread), "read", MessageState::Read)];

    fn state(&self) -> MessageState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Tell { .. } => "tell",
            Event::Read => "read",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Tell { to, notice, about }) => Ok(Moved::to(Self {
                state: MessageState::Unread,
                to: *to,
                notice: *notice,
                about: about.clone(),
            })),
            (Some(message), Event::Read) if message.state == MessageState::Unread => {
                Ok(Moved::to(Self { state: MessageState::Read, ..message.clone() }))
            }
            _ => Err(Error::Conflict("the message was read")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.to]
    }
}
