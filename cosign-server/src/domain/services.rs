//! What devices and operators may do, apart from the protocol.

mod audit;
mod ca;
mod clients;
mod devices;
mod events;
mod keys;
mod office;
mod opening;
mod operator;
mod operators;
mod shares;

pub use audit::{AuditLog, ProvenRecords, Selection};
pub use ca::{
    Answer, Answers, Application, Authorities, AuthorityPorts, Direct, Granted, Installed, Recoverable,
};
pub use clients::{ClientChanges, Clients, MAX_PAGE, NewClient, Page};
pub use devices::Devices;
pub use events::{Feed, Follower, MAX_STREAMS};
pub use keys::{KeyView, Keys, PinView, Wanted};
pub use office::{
    ActsFor, AddressDetails, Appealing, Appearance, Applying, ApplyingForSeal, Asked, BankAccount, Batch,
    Billable, CertificateShown, Change, ClaimForm, Claiming, Decision, Details, Each, Ending, Form, Gift,
    Given, HandedIn, Hits, Inbox, InstalledHolding, InvoiceWish, Joining, KeptOf, KeySeal, LetterSignature,
    LoggedIn, Login, MAX_CONTENT, MAX_SEAL, Made, Making, Member, NewItem, NewSeal, NewTask, Nib, Obstacle,
    Offered, Office, OfficePorts, Ordering, Papers, Pile, Placed, Presented, Proof, Purchase, RightWanted,
    SealWish, Shared, Shown, Signer, Signing, Standing, Step, TitleDetails, ToSeal, User, Verdict, Whose,
};
pub use opening::OpeningKeys;
pub use operator::Operator;
pub use operators::{Grants, Operators, Proposed, page};
pub use shares::Recovery;
