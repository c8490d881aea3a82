//! What ends with an account: at once when it is cancelled, and for good when the time for appeals is over.

use super::Account;
use crate::domain::{
    ca::Reason,
    office::{
        Effect, Moment,
        appeal::Appeal,
        application::{self, Application},
        approval::{self, Approval},
        binding::{self, Binding},
        chat::{Chat, Line},
        claim::{self, Claim},
        code::SmsCode,
        coupon::{self, Coupon},
        holding::{self, Holding},
        invoice::{self, Invoice},
        linked::{self, Linked},
        membership::{self, Membership},
        message::Message,
        micropayment::Micropayment,
        order::{self, Order},
        person::{self, Person},
        points::{self, Points},
        preset::{self, Preset},
        reading::Reading,
        refund::{self, Refund},
        scan::{self, Scan},
        seal::{self, Seal},
        session::Session,
        task::{self, Task},
        terminal::{self, Terminal},
    },
};

const DAY_MS: u64 = 86_400_000;

impl Account {
    /// Nobody acts for it any more: its logins, its keys, its rights and what waits for it end at once. What still has to be
    /// settled refuses, and then nothing happens.
    pub(super) fn cancels(&self, moment: Moment<'_>) -> Vec<Effect> {
        let (id, phone) = (moment.id, SmsCode::list_of(&self.phone_name));
        let revoke = holding::Event::Revoke(Reason::CessationOfOperation);
        vec![
            Self::all_sessions(moment, None),
            Effect::on_all::<Approval>(Approval::waiting_for(id), None, approval::Event::Void),
            Effect::on_all::<Membership>(Membership::active_of(id), None, membership::Event::Leave),
            Effect::on_all::<Order>(Order::unsettled_of(id), None, order::Event::Drop),
            Effect::on_all::<Application>(id, None, application::Event::Lapse),
            Effect::on_all::<Coupon>(id, None, coupon::Event::Void),
            Effect::on::<Points>(points::id(id), points::Event::Void),
            Effect::on_all::<Scan>(id, None, scan::Event::Abort),
            Effect::on_all::<Task>(id, None, task::Event::Remove),
            Effect::on_all::<Task>(phone, None, task::Event::Remove),
            Effect::on_all::<Binding>(id, None, binding::Event::End),
            Effect::on_all::<Holding>(id, None, revoke),
            Effect::on_all::<Holding>(
                Holding::kept_by(id),
                None,
                holding::Event::Revoke(Reason::PrivilegeWithdrawn),
            ),
            Effect::on_all::<Terminal>(id, None, terminal::Event::Unbind),
            Effect::on_all::<Linked>(id, None, linked::Event::Unbind),
        ]
    }

    /// Nothing personal is left. What was done stays in the log, under the number of the account.
    pub(super) fn erases(&self, moment: Moment<'_>) -> Vec<Effect> {
        let (id, codes) = (moment.id, SmsCode::list_of(&self.phone_name));
        vec![
            Effect::on_all::<Task>(id, None, task::Event::Erase),
            Effect::on_all::<Membership>(id, None, membership::Event::Erase),
            Effect::on_all::<Claim>(id, None, claim::Event::Erase),
            Effect::on_all::<Approval>(id, None, approval::Event::Erase),
            Effect::on_all::<Application>(id, None, application::Event::Erase),
            Effect::on_all::<Seal>(id, None, seal::Event::Erase),
            Effect::on_all::<Order>(id, None, order::Event::Erase),
            Effect::on_all::<Refund>(id, None, refund::Event::Erase),
            Effect::on_all::<Invoice>(id, None, invoice::Event::Erase),
            Effect::on_all::<Preset>(id, None, preset::Event::Erase),
            Effect::on_all::<Person>(id, None, person::Event::Erase),
            Effect::Detach(id),
            Effect::forget::<Message>(id, u64::MAX),
            Effect::forget::<Micropayment>(id, u64::MAX),
            Effect::forget::<Reading>(id, u64::MAX),
            Effect::forget::<Session>(id, u64::MAX),
            Effect::forget::<Terminal>(id, u64::MAX),
            Effect::forget::<Linked>(id, u64::MAX),
            Effect::forget::<Appeal>(id, u64::MAX),
            Effect::forget::<Line>(id, u64::MAX),
            Effect::forget::<Chat>(id, u64::MAX),
            // Somebody may have the phone by now: what counts against their limit stays.
            Effect::forget::<SmsCode>(codes, moment.now_ms.saturating_sub(DAY_MS)),
        ]
    }
}
