//! What is bought, paid, used, paid back and invoiced.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod desk;
mod invoices;
mod orders;
mod payments;
mod presets;
mod refunds;
mod rewards;

pub(super) use self::orders::{LineWanted, OrderShown, body as order_body};

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::{Api, Problem, accounts::id, page::Paging};
use crate::domain::{page::Page, services::Whose};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(orders::routes())
        .merge(payments::routes())
        .merge(refunds::routes())
        .merge(invoices::routes())
        .merge(presets::routes())
        .merge(rewards::routes())
        .merge(desk::routes())
}

/// For whom.
fn whose(enterprise_id: Option<&str>) -> Result<Whose, Problem> {
    enterprise_id.map_or(Ok(Whose::Own), |text| id(text).map(Whose::Enterprise))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfWhom {
    /// What belongs to this enterprise; otherwise what belongs to the user.
    enterprise_id: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl OfWhom {
    pub(super) fn read(self) -> Result<(Whose, Page), Problem> {
        Ok((whose(self.enterprise_id.as_deref())?, Paging::new(self.after, self.limit).page()?))
    }
}
