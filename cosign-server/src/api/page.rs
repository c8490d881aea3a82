//! Lists, a page at a time.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::Problem;
use crate::domain::page::{Cursor, Page, Paged};

/// Which page of a list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    /// `next` of the page before; without it the first page.
    after: Option<String>,
    /// Most entries, 1 to 1000 [default: 1000].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Paging {
    pub(super) const fn new(after: Option<String>, limit: Option<u32>) -> Self {
        Self { after, limit }
    }

    pub(super) fn page(&self) -> Result<Page, Problem> {
        let after = self.after.as_deref().map(str::parse::<Cursor>).transpose()?;
        Ok(Page::new(after, self.limit)?)
    }
}

/// The entries of a page as they are shown, and the cursor of the one after it.
pub(super) fn shown<T, B, E>(
    paged: Paged<T>,
    show: impl FnMut(T) -> Result<B, E>,
) -> Result<(Vec<B>, Option<NextBody>), E> {
    let Paged { items, next } = paged;
    Ok((items.into_iter().map(show).collect::<Result<_, _>>()?, next.as_ref().map(NextBody::from)))
}

/// A cursor.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Cursor, value_type = String)]
pub(super) struct NextBody(String);

impl From<&Cursor> for NextBody {
    fn from(cursor: &Cursor) -> Self {
        Self(cursor.to_string())
    }
}
